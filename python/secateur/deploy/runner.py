"""Programs for a device (`secateur-run`, `secateur-tune`): found here, and looked at before they are sent."""

from __future__ import annotations

from pathlib import Path

from secateur.errors import DeviceError, InvalidArgumentError

# As `uname -m` says it -> the architecture of the program, and (bytes a word, machine number) of its ELF
# header.
ARCHITECTURES = {
    "aarch64": "aarch64", "arm64": "aarch64", "armv8l": "armv7l", "armv7l": "armv7l", "x86_64": "x86_64",
    "amd64": "x86_64", "riscv64": "riscv64",
}  # fmt: skip
_ELF = {"aarch64": (2, 183), "armv7l": (1, 40), "x86_64": (2, 62), "riscv64": (2, 243)}
RUNNER, TUNER = "secateur-run", "secateur-tune"
FOLDER = Path(__file__).resolve().parents[1] / "device"  # what `make runner` builds, and wheels may carry


def architecture_of(path: Path) -> str:
    """Of a program for Linux: "aarch64", ... Raises InvalidArgumentError where it is none, or not whole by
    itself."""
    try:
        with open(path, "rb") as file:
            head = file.read(64 * 1024)
    except OSError as error:
        raise InvalidArgumentError(f"cannot read {path}: {error.strerror or error}") from None
    if len(head) < 64 or head[:4] != b"\x7fELF":
        raise InvalidArgumentError(f"{path} is no program for Linux (no ELF file)")
    order = "little" if head[5] == 1 else "big"
    key = (head[4], int.from_bytes(head[18:20], order))  # type: ignore[arg-type]
    for name, wanted in _ELF.items():
        if key == wanted:
            return name
    raise InvalidArgumentError(
        f"{path} is a program for another kind of machine (ELF {key[1]}, {32 * key[0]}-bit)"
    )


def find_runner(
    machine: str, given: Path | None = None, *, device: str = "the device", program: str = RUNNER
) -> Path:
    """The program for a device whose ``uname -m`` is `machine`: `given`, else the one beside this package.

    Raises DeviceError where there is none for that machine or `given` is for another, InvalidArgumentError
    where `given` is no program.
    """
    wanted = ARCHITECTURES.get(machine)
    if given is not None:
        has = architecture_of(given)
        if wanted is not None and has != wanted:
            raise DeviceError(f"{device}: it is {machine}, and {given} is a program for {has}")
        return given
    if wanted is None:
        raise DeviceError(
            f"{device}: there is no {program} for {machine or 'a machine that does not name itself'}; "
            "one that you built can be given by --runner FILE"
        )
    path = FOLDER / f"{program}-{wanted}"
    if not path.is_file():
        raise DeviceError(
            f"{device}: it is {machine}, and this installation has no {program} for {wanted}: `make "
            f"runner TARGET={wanted}` in a checkout builds it; or give one by --runner FILE (docs/deploy.md)"
        )
    return path
