"""What a layer costs in each storage format, per core, in cycles at the core's multiply-add peak.

The x86 shares are measured on whole layers, AVX-512, one thread, at 70 to 90% zeros. The Arm shares are the
static bounds of the inner loops, loads against multiply-adds per cycle (docs/lab/spmm-neon.md), not timings.
A share only decides between formats of one layer on one core, so ratios matter.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

from secateur.errors import InvalidArgumentError
from secateur.machine import MachineProfile, load_profile


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
    byte_dots: bool = True  # instructions that multiply four bytes by four and add them up
    halves: bool = False  # arithmetic on f16, twice as many to a vector as f32
    profile: MachineProfile | None = None  # whose layers' times come before the shares

    @property
    def csr(self) -> float:
        return self.block[1]


# Geometric means over the layers of MobileNetV1/V2, ResNet-50 and an encoder (`make bench-kernels`); blocks
# of 2 and 8 rows are estimated from those of 4. At one position a nonzero costs 4.4 dense weights in the
# caches (1024x1000, 70-80% zeros).
X86 = Core("x86-64", dense=0.93, block={1: 0.73, 2: 0.75, 4: 0.84, 8: 0.84}, spmv=4.4)
# At one position memory bounds dense weights and latency nonzeros: estimates, to be measured on boards.
A53 = Core("cortex-a53", dense=0.75, block={1: 0.31, 2: 0.45, 4: 0.65, 8: 0.70}, spmv=3.0, byte_dots=False)
A55 = Core("cortex-a55", dense=0.80, block={1: 0.31, 2: 0.55, 4: 0.75, 8: 0.80}, spmv=3.0, halves=True)
A72 = Core("cortex-a72", dense=0.90, block={1: 0.72, 2: 0.85, 4: 0.90, 8: 0.90}, spmv=3.0, byte_dots=False)
A76 = Core("cortex-a76", dense=0.90, block={1: 0.67, 2: 0.85, 4: 0.90, 8: 0.90}, spmv=4.0, halves=True)
X1 = Core("cortex-x1", dense=0.90, block={1: 0.55, 2: 0.80, 4: 0.90, 8: 0.90}, spmv=4.0, halves=True)

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
# Measured: 3.6 cycles a vector of 16 (AVX-512), half as wide a vector in about the same time (AVX2).
PANEL_COST = 5.0

# A sparse format must be predicted this much faster than dense to be chosen: the shares are known to some
# 10%.
MARGIN = 1.10

# From here on a layer is stored sparse whatever is predicted: the file shrinks with the zeros (at 90% it
# takes at most 0.15 of its dense bytes), and no measured layer was slower than dense.
ALWAYS_SPARSE = 0.895


def measured_core(profile: MachineProfile) -> Core:
    """The core that a profile was measured on: its shares where it has them, else in the proportions of the
    core that it is most like."""
    like = CORES.get(profile.family) or (A72 if profile.cpu.startswith("arm") else X86)
    dense = profile.share("dense") or like.dense
    block = {}
    for rows, share in like.block.items():
        found = profile.share("csr") if rows == 1 else profile.share("bsr", rows)
        block[rows] = min(found or share * dense / like.dense, dense)
    spmv = profile.nonzero_at_one_position() or like.spmv
    dots = like.byte_dots if like is not X86 else True
    return Core(profile.cpu_name or profile.cpu, dense, block, spmv, dots, like.halves, profile)


def core_for(target: str | os.PathLike[str] | None) -> Core:
    """The core of a named target, of a machine profile (a path that ends in .json), or of this machine.

    >>> core_for("raspberry-pi-4").name
    'cortex-a72'
    """
    if target is not None and os.fspath(target).endswith(".json"):
        return measured_core(load_profile(target))
    if target is not None:
        target = os.fspath(target)
    if target is None:
        return A72 if platform.machine().lower() in ("aarch64", "arm64") else X86
    key = target.lower().replace("_", "-")
    core = TARGETS.get(key) or CORES.get(key)
    if core is None:
        raise InvalidArgumentError(
            f"unknown target {target!r}; known: {', '.join((*TARGETS, *CORES))}, or the path of a "
            "machine profile (.json)"
        )
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
