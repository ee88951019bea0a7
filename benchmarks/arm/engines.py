"""The engines that compare.py counts: how each runs one marked inference of a prepared network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from emulator import Counts, EmulationError, Sandbox

HERE = Path(__file__).resolve().parent

# Two correct engines differ by rounding; a wrong answer is off by the size of the outputs. Relative to
# the largest output.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Engine:
    """A way to run a network.

    Attributes:
        name: in tables.
        suffix: of the model file it takes, after NETWORK-SPARSITY.
        program: the AArch64 program, where it is not the userland's Python.
    """

    name: str
    suffix: str
    program: Path | None = field(default=None, compare=False)

    def model(self, folder: Path, network: str, sparsity: int) -> Path:
        return folder / f"{network}-{sparsity}{self.suffix}"

    def fingerprint(self, model: Path) -> str:
        """Changes whenever what is counted does."""
        digest = hashlib.sha256(model.read_bytes())
        for path in (self.program, HERE / "count_plugin.c", HERE / "rivals.py"):
            digest.update(path.read_bytes() if path is not None else b"")
        return digest.hexdigest()[:16]

    def count(self, sandbox: Sandbox, cpu: str, model: Path, scratch: Path, *, memory: bool) -> Counts:
        """Counts one inference on the network's prepared input.

        Raises:
            EmulationError: it failed, or the output is not what PyTorch computed.
        """
        stem = model.with_name(model.name.removesuffix(self.suffix))
        x = np.load(f"{stem}.input.npy")
        if self.program is None:
            output = scratch / "output.npy"
            command = [sandbox.python, str(HERE / "rivals.py"), str(model)]
            command += ["--input", f"{stem}.input.npy", "--output", str(output)]
        else:
            output = scratch / "output.f32"
            x.tofile(scratch / "input.f32")
            command = [str(self.program), str(model), "--mark", "--input", str(scratch / "input.f32")]
            command += ["--output", str(output)]
        counts = sandbox.count(cpu, command, memory=memory)
        got = np.load(output) if self.program is None else np.fromfile(output, np.float32)
        expected = np.load(f"{stem}.expected.npy")
        error = float(np.abs(got.ravel() - expected.ravel()).max() / np.abs(expected).max())
        if not error < TOLERANCE:
            raise EmulationError(f"{self.name} on {model.name}: off by {error:.1e} of the largest output")
        return counts


LITERT = Engine("LiteRT", ".tflite")
LITERT_SPARSE = Engine("LiteRT, sparse path", ".sparse.tflite")


def secateur(program: Path) -> Engine:
    """This project's runtime: its device program, built for AArch64 and linked statically."""
    return Engine("secateur", ".sct", program.resolve(strict=True))
