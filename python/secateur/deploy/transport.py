"""A shell on a device: a script with arguments goes there, its output and status come back.

Files travel through the same shell's standard input and output, so that a device needs a POSIX shell and
nothing else, no file server. Words are quoted once for the device's login shell; a script gets them as
arguments, never pasted into its text.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from secateur.deploy import failures
from secateur.deploy.registry import Entry
from secateur.errors import DeviceError

# Greetings of a login shell come before it.
BEGIN = b"secateur-begins\n"
Hear = Callable[[str], None]
BEAT = 0.2  # seconds between two looks at what a script has printed, for whoever wants to hear
GRACE = 5.0  # seconds that a device has to end what it does when it is let go of


@dataclass(frozen=True)
class Reply:
    """How a script ended, and what it wrote."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "replace")


class Transport(ABC):
    """A way to run scripts on a device."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    @abstractmethod
    def _argv(self, command: str) -> list[str]:
        """The local command that has the device's login shell run `command`."""

    @abstractmethod
    def _lost(self, status: int, begun: bool, err: str) -> str:
        """A sentence where the way to the device failed, "" where the script did or nothing."""

    def open(self) -> None:  # noqa: B027 (only ssh has a connection to keep)
        """Connects. Raises DeviceError."""

    def close(self) -> None:  # noqa: B027
        """Lets go of the connection."""

    def __enter__(self) -> Transport:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(
        self,
        script: str,
        *words: str,
        send: IO[bytes] | None = None,
        timeout: float | None = None,
        hear: Hear | None = None,
    ) -> Reply:
        """Runs a script of the device's `sh` with `words` as $1, $2, ... to its end, whatever its status.

        `send`: a file whose rest the script reads from its standard input. Without it the input stays open
        as long as somebody waits here: a script may take its end for the sign to stop. `timeout`: seconds.
        `hear`: called with all that the script has printed so far, while it runs and once at its end.

        Raises DeviceError where the connection fails or ends, or the time is over.
        """
        greeting = BEGIN.decode().strip()
        inside = f"LC_ALL=C; export LC_ALL; echo {greeting}; {script}"
        command = " ".join(map(shlex.quote, ["sh", "-c", inside, "secateur", *words]))
        with _input(send) as stdin:
            process = _start(self._argv(command), stdin)
            try:
                out, err = _communicate(process, timeout, hear)
            except subprocess.TimeoutExpired:
                _kill(process)
                raise self.error(f"no answer in {timeout:g} s") from None
            except BaseException:  # an interrupt too: the device hears of it, and may put things away
                if isinstance(stdin, _Leash):
                    stdin.let_go()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=GRACE)
                _kill(process)
                raise
        before, begun, rest = out.partition(BEGIN)
        said = err.decode("utf-8", "replace")
        why = self._lost(process.returncode, bool(begun), said)
        if why:
            raise self.error(why)
        if not begun:
            shown = failures.last_line(said) or failures.last_line(before.decode("utf-8", "replace"))
            raise self.error(f"its login shell ran no script{': ' + shown if shown else ''}")
        return Reply(process.returncode, rest, said)

    def must(
        self, script: str, *words: str, send: IO[bytes] | None = None, timeout: float | None = None
    ) -> Reply:
        """The same; DeviceError also where the script's status is not 0."""
        reply = self.run(script, *words, send=send, timeout=timeout)
        if reply.status != 0:
            raise self.error(failures.on_device(reply.err, reply.status))
        return reply

    def error(self, sentence: str) -> DeviceError:
        return DeviceError(f"{self.entry.name}: {sentence}")


def _communicate(
    process: subprocess.Popen[bytes], timeout: float | None, hear: Hear | None
) -> tuple[bytes, bytes]:
    """What `Popen.communicate` does; with `hear` what was printed is told on the way. Where the system's
    `communicate` does not show it before the end (Windows), it is told at the end."""
    if hear is None:
        return process.communicate(timeout=timeout)

    def tell(out: bytes) -> None:
        hear(out.partition(BEGIN)[2].decode("utf-8", "replace"))

    while True:
        try:
            out, err = process.communicate(timeout=BEAT)
        except subprocess.TimeoutExpired as waiting:
            tell(waiting.output or b"")
            continue
        tell(out)
        return out, err


class _Leash:
    """A pipe that nobody writes to: its end is when this process ends or lets go."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()

    def fileno(self) -> int:
        return self.reading

    def let_go(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def close(self) -> None:
        self.let_go()
        os.close(self.reading)


@contextlib.contextmanager
def _input(send: IO[bytes] | None) -> Iterator[Any]:
    if send is not None:
        yield send
        return
    leash = _Leash()
    try:
        yield leash
    finally:
        leash.close()


def _start(argv: list[str], stdin: Any) -> subprocess.Popen[bytes]:
    """In a session of its own: the interrupt of the keyboard is ours to pass on."""
    return subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"LC_ALL": "C"},
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the client and what it started, such as the command of a jump host."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


class Ssh(Transport):
    """By the system's OpenSSH client, with the user's own settings, keys and jump hosts.

    One connection serves all scripts (ControlMaster). Nothing is asked on the terminal (BatchMode); which
    host keys are trusted is left to ssh.
    """

    OPTIONS = (
        "BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3",
        "ClearAllForwardings=yes", "RequestTTY=no", "RemoteCommand=none", "LogLevel=ERROR",
    )  # fmt: skip

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry)
        self._folder: str | None = None

    def _client(self) -> list[str]:
        client = shutil.which("ssh")
        if client is None:
            raise self.error("there is no `ssh` here: install the OpenSSH client")
        argv = [client, "-T"]
        for option in self.OPTIONS:
            argv += ["-o", option]
        entry = self.entry
        argv += ["-F", entry.ssh_config] if entry.ssh_config else []
        argv += ["-p", str(entry.port)] if entry.port else []
        return argv + (["-i", entry.identity] if entry.identity else [])

    def _argv(self, command: str) -> list[str]:
        shared = ["-S", f"{self._folder}/s", "-o", "ControlMaster=no"] if self._folder else []
        return [*self._client(), *shared, "--", self.entry.address, command]

    def _lost(self, status: int, begun: bool, err: str) -> str:
        return failures.of_ssh(err, self.entry.address) if status == 255 else ""

    def open(self) -> None:
        if self._folder is not None or sys.platform == "win32":  # its ssh keeps no connection
            return
        client = self._client()
        self._folder = tempfile.mkdtemp(prefix="sct-")
        argv = [*client, "-M", "-N", "-f", "-S", f"{self._folder}/s", "-o", "ControlPersist=600"]
        # A file: what stays in the background would hold a pipe open.
        with open(Path(self._folder) / "said", "w+b") as said:
            done = subprocess.run(
                [*argv, "--", self.entry.address],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
                env=os.environ | {"LC_ALL": "C"},
                check=False,
            )
            said.seek(0)
            why = said.read().decode("utf-8", "replace")
        if done.returncode != 0:
            self.close()
            raise self.error(failures.of_ssh(why, self.entry.address))

    def close(self) -> None:
        if self._folder is None:
            return
        folder, self._folder = self._folder, None
        if os.path.exists(f"{folder}/s"):
            subprocess.run(
                [*self._client(), "-S", f"{folder}/s", "-O", "exit", "--", self.entry.address],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        shutil.rmtree(folder, ignore_errors=True)


class Adb(Transport):
    """By Android's debug bridge, where it is installed."""

    def _argv(self, command: str) -> list[str]:
        client = shutil.which("adb")
        if client is None:
            raise self.error("there is no `adb` here: install Android's platform tools")
        return [client, "-s", self.entry.address, "shell", "-T", command]

    def _lost(self, status: int, begun: bool, err: str) -> str:
        said = [line for line in err.splitlines() if line.startswith(("adb:", "error:"))]
        return failures.of_adb("\n".join(said), self.entry.address) if said and not begun else ""


def transport(entry: Entry) -> Transport:
    """The way to that device."""
    return Adb(entry) if entry.transport == "adb" else Ssh(entry)
