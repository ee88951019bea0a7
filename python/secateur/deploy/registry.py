"""The devices a user has named: one JSON file among the user's settings."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from secateur.errors import InvalidArgumentError, SaveError
from secateur.files import locks, save_atomically

SCHEMA = "secateur-devices/1"
SSH_FOLDER, ADB_FOLDER = ".secateur", "/data/local/tmp/secateur"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_ADDRESS = re.compile(r"([A-Za-z0-9_.][^\s@:/'\"]*@)?[A-Za-z0-9_.:%\[\]][^\s@/'\"]*")


@dataclass(frozen=True)
class Entry:
    """How a device is reached.

    Parameters
    ----------
    name
        What the user calls it.
    address
        ``user@host``, a host, or a Host of the ssh configuration; by adb the serial number.
    transport
        "ssh" or "adb".
    port, identity, ssh_config
        As ssh's ``-p``, ``-i`` and ``-F``; 0 and "" leave it to ssh's own settings.
    folder
        Where files lie on the device; relative to the home folder.
    launcher
        A command there that the program is started by, such as ``taskset -c 3``.
    target
        What models are compiled for that are to run there, such as "cortex-a72"; "" where nobody has looked.

    Raises
    ------
    InvalidArgumentError
        A field that cannot be used.
    """

    name: str
    address: str
    transport: str = "ssh"
    port: int = 0
    identity: str = ""
    ssh_config: str = ""
    folder: str = SSH_FOLDER
    launcher: str = ""
    target: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidArgumentError(
                f"a device is called by letters, digits, '.', '_' and '-', not {self.name!r}"
            )
        if not _ADDRESS.fullmatch(self.address):  # what begins with '-' would be an option
            raise InvalidArgumentError(f"an address is host or user@host, not {self.address!r}")
        if self.transport not in {"ssh", "adb"}:
            raise InvalidArgumentError(f"devices are reached by ssh or adb, not by {self.transport!r}")
        if not 0 <= self.port < 65536:
            raise InvalidArgumentError(f"a port is a number from 1 to 65535, not {self.port}")
        folder = Path(self.folder)
        if not self.folder.isprintable() or folder == Path() or ".." in folder.parts or folder == Path("/"):
            raise InvalidArgumentError(f"the device's folder has a name and no '..', unlike {self.folder!r}")
        if not self.launcher.isprintable():
            raise InvalidArgumentError("the launcher is one line")


def settings_file() -> Path:
    """Where the devices are kept: $SECATEUR_DEVICES, else secateur/devices.json among the user's settings."""
    named = os.environ.get("SECATEUR_DEVICES")
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "secateur" / "devices.json"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "secateur" / "devices.json"


def profile_file(name: str) -> Path:
    """Where the profile lies that was measured on that device (`secateur tune --device`), if it was."""
    return settings_file().parent / "profiles" / f"{name}.json"


def listed() -> list[Entry]:
    """Every device, in the order in which they were added. Raises InvalidArgumentError where the file is
    broken."""
    path = settings_file()
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidArgumentError(f"{path} holds no list of devices: {error}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InvalidArgumentError(f"{path} is not of schema {SCHEMA}: a newer version may have written it")
    known = {field.name for field in fields(Entry)}
    entries = []
    for row in content.get("devices", []):
        if not isinstance(row, dict) or not {"name", "address"} <= row.keys() <= known:
            raise InvalidArgumentError(
                f"{path} has a device with fields that this version does not know: {row}"
            )
        entries.append(Entry(**row))
    return entries


def find(name: str) -> Entry:
    """The device of that name. Raises InvalidArgumentError, which says which there are."""
    entries = listed()
    for entry in entries:
        if entry.name == name:
            return entry
    there = ", ".join(entry.name for entry in entries) or "none yet"
    raise InvalidArgumentError(
        f"no device is called {name!r}; there are: {there} (`secateur devices add {name} user@host`)"
    )


def add(entry: Entry, *, replace: bool = False) -> None:
    """Keeps a device. What was measured of another address under that name goes.

    Raises InvalidArgumentError where its name is taken, SaveError.
    """
    with _locked():
        entries = listed()
        if not replace and any(other.name == entry.name for other in entries):
            raise InvalidArgumentError(
                f"a device called {entry.name!r} is there already; --replace replaces it"
            )
        places = {other.name: other for other in entries}
        known = places.get(entry.name)
        if known is None or (known.address, known.transport) != (entry.address, entry.transport):
            _forget_profile(entry.name)
        places[entry.name] = entry
        _save(list(places.values()))


def remove(name: str) -> Entry:
    """Forgets a device and its profile, and gives what it was. Raises InvalidArgumentError, SaveError."""
    with _locked():
        entry = find(name)
        _forget_profile(name)
        _save([other for other in listed() if other.name != name])
    return entry


def _forget_profile(name: str) -> None:
    path = profile_file(name)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise SaveError(f"cannot remove {path}: {error.strerror or error}") from error


def _save(entries: list[Entry]) -> None:
    defaults = {field.name: field.default for field in fields(Entry)}

    def row(entry: Entry) -> dict[str, Any]:
        return {key: value for key, value in asdict(entry).items() if value != defaults[key]}

    content = {"schema": SCHEMA, "devices": [row(entry) for entry in entries]}
    save_atomically(settings_file(), (json.dumps(content, indent=1) + "\n").encode())


@contextmanager
def _locked() -> Iterator[None]:
    """Two commands at a time change the file one after the other."""
    path = settings_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path.parent / ".devices.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        if locks is not None:
            locks.flock(handle, locks.LOCK_EX)
        yield
    finally:
        os.close(handle)
