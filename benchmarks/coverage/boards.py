"""A compiled network on the cores of Raspberry Pis, emulated: what `secateur-run` answers there."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

CORES = ("cortex-a53", "cortex-a72", "cortex-a76")  # Raspberry Pi 3, 4 and 5
RUNNER = pathlib.Path(__file__).parents[2] / "python/secateur/device/secateur-run-aarch64"
EMULATOR = "qemu-aarch64-static"


class BoardError(RuntimeError):
    """The program failed on that core, in its own words."""


def check() -> None:
    """Ends the program where the emulator or the boards' program is not there."""
    if not RUNNER.exists():
        raise SystemExit("coverage: no secateur-run for the boards; `make runner TARGET=aarch64` builds it")
    if shutil.which(EMULATOR) is None:
        raise SystemExit(f"coverage: no {EMULATOR}; scripts/setup.sh --arm installs it")


def answers(
    program: Any, session: Any, inputs: Sequence[Any], core: str, limit: float = 600.0
) -> list[np.ndarray[Any, Any]]:
    """What a core answers. session: the same program's, for the shapes and dtypes; limit: seconds."""
    with tempfile.TemporaryDirectory(prefix="coverage-") as name:
        folder = pathlib.Path(name)
        program.save(folder / "model.sct")
        words = [EMULATOR, "-cpu", core, str(RUNNER), str(folder / "model.sct"), "--repeat", "1", "--json"]
        for i, (array, port) in enumerate(zip(inputs, session.inputs, strict=True)):
            (folder / f"x{i}").write_bytes(np.ascontiguousarray(array, port["dtype"]).tobytes())
            words += ["--input", str(folder / f"x{i}")]
        for i in range(len(session.outputs)):
            words += ["--output", str(folder / f"y{i}")]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            raise BoardError(f"{core}: not done after {limit:.0f} s") from None
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise BoardError(f"{core}: status {done.returncode}: {' '.join(said)}")
        return [
            np.fromfile(folder / f"y{i}", port["dtype"]).reshape(port["shape"])
            for i, port in enumerate(session.outputs)
        ]
