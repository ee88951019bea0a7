"""What a layer costs in each storage format, per core, in cycles at the core's multiply-add peak.

The x86 shares are measured: whole layers by `Session.profile`, AVX-512, one thread, each format against
dense in one run (512x512 and 1024x1024 1x1 convolutions on 14x14 and 7x7, 256x64 on 56x56; 3x3 ones of 64 and
256 channels). The Arm shares are the static bounds of the inner loops, loads against multiply-adds per
cycle (docs/kernels.md), not timings. A share only decides between formats of one layer on one core, so
ratios matter.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

from secateur.errors import InvalidArgumentError


@dataclass(frozen=True)
class Core:
    """Shares of f32 multiply-add peak by format.

    `block`: rows of a block -> share; one load of activations feeds that many rows, and 1 is CSR.
    `spmv`: what a stored nonzero costs at one position, in dense weights.
    """

    name: str
    dense: float
    block: dict[int, float]
    spmv: float

    @property
    def csr(self) -> float:
        return self.block[1]


# Measured against dense = 1: csr 0.50-0.65, 2 rows 0.83-0.95, 4 rows 0.77-1.01, 8 rows 0.85-0.96. At one
# position a nonzero (a gather) costs 8.6 dense weights (2048x1000, 50-95% zeros).
X86 = Core("x86-64", dense=0.85, block={1: 0.50, 2: 0.75, 4: 0.78, 8: 0.78}, spmv=8.6)
# At one position memory bounds dense weights and latency nonzeros: estimates, to be measured on boards.
A53 = Core("cortex-a53", dense=0.75, block={1: 0.31, 2: 0.45, 4: 0.65, 8: 0.70}, spmv=3.0)
A55 = Core("cortex-a55", dense=0.80, block={1: 0.31, 2: 0.55, 4: 0.75, 8: 0.80}, spmv=3.0)
A72 = Core("cortex-a72", dense=0.90, block={1: 0.72, 2: 0.85, 4: 0.90, 8: 0.90}, spmv=3.0)
A76 = Core("cortex-a76", dense=0.90, block={1: 0.67, 2: 0.85, 4: 0.90, 8: 0.90}, spmv=4.0)
X1 = Core("cortex-x1", dense=0.90, block={1: 0.55, 2: 0.80, 4: 0.90, 8: 0.90}, spmv=4.0)

CORES = {core.name: core for core in (X86, A53, A55, A72, A76, X1)}
TARGETS = {
    "raspberry-pi-zero-2": A53,
    "raspberry-pi-3": A53,
    "raspberry-pi-4": A72,
    "raspberry-pi-5": A76,
    "phone": A76,
    "x86": X86,
    "x86-64": X86,
    "aarch64": A72,
    "generic": A72,
}

# Packing one float of a k x k or strided convolution's input, in multiply-adds at peak; dense pays it too.
# Measured 0.3-0.6 ns where a multiply-add at peak takes 0.016.
PANEL_COST = 25.0

# A sparse format must be predicted this much faster than dense to be chosen: the shares are known to some
# 10%.
MARGIN = 1.10

# From here on a layer is stored sparse whatever is predicted: the file shrinks with the zeros (at 90% it
# takes at most 0.15 of its dense bytes), and no measured layer was slower than dense.
ALWAYS_SPARSE = 0.895


def core_for(target: str | None) -> Core:
    """The core of a named target, or of this machine.

    >>> core_for("raspberry-pi-4").name
    'cortex-a72'
    """
    if target is None:
        return A72 if platform.machine().lower() in ("aarch64", "arm64") else X86
    key = target.lower().replace("_", "-")
    core = TARGETS.get(key) or CORES.get(key)
    if core is None:
        raise InvalidArgumentError(f"unknown target {target!r}; known: {', '.join((*TARGETS, *CORES))}")
    return core


def spmm_cost(core: Core, values: int, positions: int, block_rows: int, packed: int) -> float:
    """Cycles of peak for `values` stored weights (zeros in blocks included) against `positions`.

    block_rows: 0 for dense. packed: floats of the input that are packed first.
    """
    if block_rows == 0:
        share = core.dense
    else:
        share = core.block[max(rows for rows in core.block if rows <= block_rows)]
    return values * positions / share + packed * PANEL_COST


def spmv_cost(core: Core, values: int, *, sparse: bool) -> float:
    """Dense weights' worth of `values` stored weights at one position."""
    return values * (core.spmv if sparse else 1.0)
