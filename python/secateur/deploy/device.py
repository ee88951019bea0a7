"""`Device`: what can be done on a device that is connected."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from secateur.deploy import failures, scripts
from secateur.deploy.facts import Facts, Sensors, disk_free, facts, sensors
from secateur.deploy.registry import Entry
from secateur.deploy.runner import RUNNER
from secateur.deploy.transport import Hear, Transport, transport
from secateur.errors import DeviceError, InvalidArgumentError

CUT_SHORT, DAMAGED = 75, 65  # statuses of scripts.PUT
LOOK_SECONDS = 60.0  # for a script that only looks: more is a device that hangs


@dataclass(frozen=True)
class Put:
    """What became of one file: how many bytes travelled (0: it was there already), and from where."""

    name: str
    bytes: int
    sent: int


@dataclass(frozen=True)
class Ran:
    """How a program ended there, and the sensors before, while it ran, and after."""

    status: int
    out: str
    err: str
    before: Sensors
    after: Sensors
    during: tuple[Sensors, ...] = ()


def name_there(path: Path) -> str:
    """What a model is called on a device.

    >>> name_there(Path("/models/my net.sct")), name_there(Path("-x.sct"))
    ('my_net.sct', 'x.sct')
    """
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", path.name).lstrip(".-")
    if not name or name == ".sct":
        name = "model.sct"
    return name if name.endswith(".sct") else f"{name}.sct"


class Device:
    """A device that is connected; to be used with ``with``.

    Every method raises DeviceError: one sentence that begins with the device's name.
    """

    def __init__(self, entry: Entry, way: Transport | None = None) -> None:
        self.entry = entry
        self.way = way or transport(entry)
        self._machine = ""

    def __enter__(self) -> Device:
        self.way.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.way.close()

    def error(self, sentence: str) -> DeviceError:
        return self.way.error(sentence)

    @property
    def machine(self) -> str:
        """What ``uname -m`` says, such as "aarch64"."""
        if not self._machine:
            self._machine = self.way.must("uname -m", timeout=LOOK_SECONDS).text.strip()
        return self._machine

    def facts(self) -> Facts:
        """What it is, and how it is doing now."""
        return facts(self.way.must(scripts.FACTS, self.entry.folder, "", timeout=LOOK_SECONDS).text)

    def put(self, path: Path, name: str, *, mode: str = "600") -> Put:
        """Copies a file into the device's folder: whole, checked there by its SHA-256, and then renamed into
        place.

        What is there already does not travel; what an interrupted copy left is gone on with. A full disk is
        noticed before anything travels.
        """
        try:
            with open(path, "rb") as file:
                digest = hashlib.sha256()
                while block := file.read(1 << 20):
                    digest.update(block)
                size = file.tell()
        except OSError as error:
            raise InvalidArgumentError(f"cannot read {path}: {error.strerror or error}") from None
        total = digest.hexdigest()
        part = f".{name}.{total[:16]}.part"
        folder = self.entry.folder
        for _ in range(2):  # the second time when what the first left turns out to be damaged
            there = dict(
                line.partition("=")[::2]
                for line in self.way.must(scripts.LOOK, folder, name, part).text.splitlines()
            )
            if there.get("sum") == total:
                self.way.must('cd -- "$1" && chmod "$2" "./$3"', folder, mode, name)
                return Put(name, size, 0)
            begun = there.get("part", "").strip()
            at = int(begun) if begun.isdigit() and int(begun) <= size else 0
            if begun.isdigit() and int(begun) > size:
                self.way.must(scripts.DISCARD, folder, part)
            free = disk_free(there.get("disk", ""))
            if there.get("disk") and free < size - at:
                raise self.error(
                    f"its disk is full: {name} has {size:,} bytes and {free:,} are free; free some space, or "
                    "name a folder elsewhere by `secateur devices add ... --folder PATH`"
                )
            with open(path, "rb", buffering=0) as file:
                file.seek(at)
                reply = self.way.run(scripts.PUT, folder, name, part, total, str(size), mode, send=file)
            if reply.status == 0:
                return Put(name, size, size - at)
            if reply.status == CUT_SHORT:
                raise self.error(
                    f"the connection ended while {name} was copied; the same command goes on with it"
                )
            if reply.status != DAMAGED:
                raise self.error(failures.on_device(reply.err, reply.status))
        raise self.error(f"{name} arrives damaged: its checksum there is not the one here")

    def remove(self, *names: str) -> tuple[list[str], str]:
        """Takes away these files, or without names all that was ever put there.

        Returns what went, and the folder where it had to stay since it holds files of others.
        """
        script = scripts.REMOVE if names else scripts.REMOVE_ALL
        found = [
            line.partition("=")[::2]
            for line in self.way.must(script, self.entry.folder, *names).text.splitlines()
        ]
        gone = [value for key, value in found if key == "gone"]
        return gone, next((value for key, value in found if key == "left"), "")

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """A folder there for the files of one command; gone afterwards."""
        folder = self.entry.folder
        name = self.way.must(scripts.WORKSPACE, folder).text.strip()
        if not re.fullmatch(r"run\.[A-Za-z0-9]+", name):
            raise self.error(f"it made no folder to work in, but said {name!r}")
        try:
            yield Workspace(self, name)
        finally:
            with contextlib.suppress(DeviceError):  # what went wrong before is the news
                self.way.run(scripts.DISCARD, folder, name, timeout=LOOK_SECONDS)


class Workspace:
    """The folder of one command on a device."""

    def __init__(self, device: Device, name: str) -> None:
        self._device = device
        self.name = name
        self.folder = f"{device.entry.folder}/{name}"
        self.seen = Sensors()  # of the last run: while it ran, where that took a while, else after it

    def error(self, sentence: str) -> DeviceError:
        return self._device.error(sentence)

    def write(self, name: str, data: bytes) -> str:
        """Puts a file there; gives its path as `run` takes it."""
        with tempfile.TemporaryFile(buffering=0) as file:
            file.write(data)
            file.seek(0)
            self._device.way.must(scripts.WRITE, self.folder, name, str(len(data)), send=file)
        return f"{self.name}/{name}"

    def read(self, name: str) -> bytes:
        """The bytes of a file there."""
        return self._device.way.must(scripts.READ, self.folder, name).out

    def run(self, *words: str, program: str = RUNNER, hear: Hear | None = None) -> Ran:
        """Runs a program of the device's folder there with these words; it ends when this process does.
        `hear`: told what it has printed so far, now and then."""
        entry = self._device.entry
        command = [*shlex.split(entry.launcher), f"./{program}", *words]
        reply = self._device.way.run(scripts.MEASURE, entry.folder, *command, hear=hear)
        before, _, after = reply.text.partition("@after\n")
        out = "\n".join(line for line in before.splitlines() if not line.startswith("@"))
        said, *looks = reply.err.split("@look=\n")
        during = tuple(sensors(look.splitlines()) for look in looks)
        said += "\n".join(line for look in looks for line in look.splitlines() if not line.startswith("@"))
        ran = Ran(reply.status, out, said, sensors(before.splitlines()), sensors(after.splitlines()), during)
        self.seen = during[-1] if during else ran.after
        return ran


def connect(entry: Entry) -> Device:
    """The device, to be used with ``with``."""
    return Device(entry)


__all__ = ["RUNNER", "Device", "Put", "Ran", "Workspace", "connect", "name_there"]
