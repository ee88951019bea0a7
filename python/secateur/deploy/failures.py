"""What went wrong on the way to a device or on it, told from what the programs there said: one sentence that
says what to do."""

from __future__ import annotations

import re

# (what OpenSSH's client writes with LC_ALL=C, the sentence); the first that is found speaks. {address}:
# user@host.
_SSH: tuple[tuple[str, str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed",
        "the host key of {address} has changed: it is another machine or a new system. Where that is so, "
        "forget the old key by `ssh-keygen -R {host}` and connect once by `ssh {address}`",
    ),
    (
        r"Host key verification failed|host key is known for",
        "the host key of {address} is not known: connect once by `ssh {address}` and compare its fingerprint",
    ),
    (
        r"Permission denied \(|Too many authentication failures|No more authentication methods",
        "{address} does not let this user in by a key: copy one there by `ssh-copy-id {address}`, or name it "
        "by `secateur devices add ... --identity FILE`",
    ),
    (
        r"Could not resolve hostname|Name or service not known",
        "there is no host called {host}: is the name right, and the device on the same network?",
    ),
    (
        r"Connection refused",
        "{host} is there, but no ssh server answers: is ssh switched on, is the port right?",
    ),
    (
        r"No route to host|Network is unreachable|Connection timed out|Operation timed out",
        "{host} does not answer: is the device switched on and on the network?",
    ),
    (r"Can't open user config file|Bad configuration option|no argument after keyword", "{said}"),
    (r"UNPROTECTED PRIVATE KEY FILE", "the private key may be read by others: chmod 600 it"),
)

# What adb writes when it does not come as far as the device's shell.
_ADB: tuple[tuple[str, str], ...] = (
    (r"unauthorized", "{address} does not trust this computer: unlock it and allow debugging by USB"),
    (r"offline", "{address} is offline: connect it again"),
    (r"more than one device", "several devices are connected: name one by its serial number (`adb devices`)"),
    (r"not found|no devices", "adb knows no device {address}: is it connected, is debugging by USB allowed?"),
)

# What a shell or a program on the device writes.
_REMOTE: tuple[tuple[str, str], ...] = (
    (r"No space left on device|Disk quota exceeded", "its disk is full: free some space, or name a folder "
     "elsewhere by `secateur devices add ... --folder PATH`"),
    (r"Read-only file system", "its disk may not be written: {said}"),
    (r"Exec format error|cannot execute binary file|not executable: \d+-bit ELF|syntax error: unexpected",
     "{program} there is of another architecture; --runner FILE brings the right one"),
    (r"Permission denied", "this user may not do that there: {said}"),
)  # fmt: skip


def last_line(said: str) -> str:
    """The last line that says something, without the name of the shell that wrote it.

    >>> last_line("warning: x\\nsh: 1: cannot create f: Permission denied\\n\\n")
    'cannot create f: Permission denied'
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return re.sub(r"^(\S*sh|secateur): (line )?(\d+: )?", "", lines[-1]) if lines else ""


def _first(table: tuple[tuple[str, str], ...], said: str, **names: str) -> str:
    for pattern, sentence in table:
        found = re.search(pattern, said)
        if found:
            where = next(line for line in said.splitlines() if re.search(pattern, line))
            return sentence.format(said=last_line(where), **names)
    return ""


def of_ssh(said: str, address: str) -> str:
    """Why the connection failed or ended, from what ssh wrote.

    >>> of_ssh("ssh: connect to host pi port 22: Connection refused", "me@pi")
    'pi is there, but no ssh server answers: is ssh switched on, is the port right?'
    >>> of_ssh("client_loop: send disconnect: Broken pipe", "me@pi")
    'the connection to me@pi was lost: client_loop: send disconnect: Broken pipe'
    """
    names = {"address": address, "host": address.rpartition("@")[2]}
    known = _first(_SSH, said, **names)
    if known:
        return known
    why = last_line(said)
    return f"the connection to {address} was lost" + (f": {why}" if why else "")


def of_adb(said: str, address: str) -> str:
    """The same, of adb.

    >>> of_adb("error: device unauthorized.", "R58M12")
    'R58M12 does not trust this computer: unlock it and allow debugging by USB'
    """
    known = _first(_ADB, said, address=address)
    return known or f"the connection to {address} was lost: {last_line(said)}"


def on_device(said: str, status: int, program: str = "secateur-run") -> str:
    """Why a script failed that ran on the device, or the program that it started.

    >>> on_device("cat: write error: No space left on device", 1)[:17]
    'its disk is full:'
    >>> on_device("", 3)
    'status 3'
    """
    return _first(_REMOTE, said, program=program) or last_line(said) or f"status {status}"
