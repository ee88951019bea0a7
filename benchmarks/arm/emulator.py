"""Runs AArch64 programs in the sandbox that setup.sh makes, and reads what count_plugin.c wrote."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CPUS = ("cortex-a53", "cortex-a72", "cortex-a76")

_ARMV8_A = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
_ARMV8_2_A = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
)
# part, variant, revision, features: as the Raspberry Pi 3, 4 and 5 show themselves.
_CPUINFO = {
    "cortex-a53": ("0xd03", "0x0", 4, _ARMV8_A),
    "cortex-a72": ("0xd08", "0x0", 3, _ARMV8_A),
    "cortex-a76": ("0xd0b", "0x4", 1, _ARMV8_2_A),
}


class EmulationError(RuntimeError):
    """The program failed in the emulator, or never opened its counted window."""


@dataclass(frozen=True)
class Executed:
    """One instruction of the program and how often it ran inside the window."""

    count: int
    opcode: str  # eight hexadecimal digits
    offset: int  # in the module's file
    module: str  # path of the file it lies in


@dataclass(frozen=True)
class MemoryTraffic:
    """Data accesses inside the window, through the modelled caches. QEMU splits a 128-bit access in two."""

    loads: int
    stores: int
    load_bytes: int
    store_bytes: int
    l1d_misses: int
    l2_misses: int


@dataclass(frozen=True)
class Counts:
    """What one run executed inside its window."""

    cpu: str
    windows: int
    instructions: int
    executed: list[Executed] = field(repr=False)
    memory: MemoryTraffic | None = None
    stdout: str = ""


class Sandbox:
    """The folder that setup.sh made: an AArch64 userland, a QEMU that takes plugins, and the plugin."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()
        self.userland = self.root / "rootfs"
        self.qemu = self.root / "qemu-aarch64"
        self.plugin = self.root / "count_plugin.so"
        missing = [p.name for p in (self.userland, self.qemu, self.plugin) if not p.exists()]
        if missing:
            raise EmulationError(f"{self.root} lacks {', '.join(missing)}; make it with setup.sh")

    @property
    def python(self) -> str:
        """The userland's Python, a command to pass to `count`."""
        return str(self.userland / "usr/bin/python3.11")

    def count(self, cpu: str, command: Sequence[str], *, memory: bool = False, whole: bool = False) -> Counts:
        """Runs a command as that CPU and counts its marked window.

        Args:
            cpu: one of CPUS.
            command: an AArch64 program and its arguments, on this machine's file system.
            memory: also model the caches (some five times slower).
            whole: count the whole run; the program then needs no marks.

        Raises:
            EmulationError: the program failed, or there was no window.
        """
        if cpu not in CPUS:
            raise EmulationError(f"unknown CPU {cpu!r}; known: {', '.join(CPUS)}")
        # One thread: the counters are not atomic, and an idle thread that spins would be counted.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with tempfile.TemporaryDirectory(prefix="armcount-") as folder, self._cpuinfo(cpu):
            raw = Path(folder) / "counts"
            options = [f"{self.plugin}", f"out={raw}"]
            options += ["memory=on"] * memory + ["whole=on"] * whole
            done = subprocess.run(
                [
                    str(self.qemu),
                    "-cpu",
                    cpu,
                    "-L",
                    str(self.userland),
                    "-plugin",
                    ",".join(options),
                    *command,
                ],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                tail = (done.stderr or done.stdout).strip().splitlines()[-5:]
                raise EmulationError(f"{command[0]} ended with status {done.returncode}: " + "\n".join(tail))
            counts = _read(raw, cpu, done.stdout)
        if counts.windows == 0:
            raise EmulationError(f"{command[0]} never opened a counted window (see mark.h)")
        return counts

    @contextmanager
    def _cpuinfo(self, cpu: str) -> Iterator[None]:
        """Puts the CPU's /proc/cpuinfo into the userland: rivals choose their kernels by it.

        Holds a lock for the length of the run, since the file is the sandbox's, not the run's.
        """
        part, variant, revision, features = _CPUINFO[cpu]
        core = (
            "processor\t: {}\nBogoMIPS\t: 108.00\n"
            f"Features\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
            f"CPU variant\t: {variant}\nCPU part\t: {part}\nCPU revision\t: {revision}\n\n"
        )
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            proc = self.userland / "proc"
            proc.mkdir(exist_ok=True)
            (proc / "cpuinfo").write_text("".join(core.format(i) for i in range(4)))
            yield


def _read(raw: Path, cpu: str, stdout: str) -> Counts:
    executed: list[Executed] = []
    memory: MemoryTraffic | None = None
    with raw.open() as lines:
        for line in lines:
            kind, rest = line.rstrip("\n").split(" ", 1)
            if kind == "insn":
                count, opcode, offset, module = rest.split(" ", 3)
                executed.append(Executed(int(count), opcode, int(offset, 16), module))
            elif kind == "memory":
                pairs = (pair.split("=") for pair in rest.split())
                memory = MemoryTraffic(**{name: int(value) for name, value in pairs})
            elif kind == "total":
                windows, instructions = (int(number) for number in rest.split())
                return Counts(cpu, windows, instructions, executed, memory, stdout)
    raise EmulationError("the counts break off: the program did not end as it should")
