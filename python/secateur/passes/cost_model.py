"""What a layer costs in each storage format, in cycles of dense peak, per core.

The shares of peak are what the project's kernels reach in the inner loop, not what a data sheet says: x86
from docs/kernels.md (measured), the Arm cores from the static bounds of their inner loops (loads against
multiply-adds per cycle; docs/kernels.md). A share decides only between formats of one layer on one core,
so ratios matter.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

from secateur.errors import InvalidArgumentError


@dataclass(frozen=True)
class Core:
    """Shares of f32 multiply-add peak by format; blocks by their rows (a load of activations feeds that
    many)."""

    name: str
    dense: float
    csr: float
    block: dict[int, float]  # rows of a block -> share


# rows of a block: one activation load feeds that many rows; 1 is what CSR is
X86 = Core("x86-64", dense=0.85, csr=0.60, block={1: 0.60, 2: 0.70, 4: 0.80, 8: 0.82})
A53 = Core("cortex-a53", dense=0.75, csr=0.31, block={1: 0.31, 2: 0.45, 4: 0.65, 8: 0.70})
A55 = Core("cortex-a55", dense=0.80, csr=0.31, block={1: 0.31, 2: 0.55, 4: 0.75, 8: 0.80})
A72 = Core("cortex-a72", dense=0.90, csr=0.72, block={1: 0.72, 2: 0.85, 4: 0.90, 8: 0.90})
A76 = Core("cortex-a76", dense=0.90, csr=0.67, block={1: 0.67, 2: 0.85, 4: 0.90, 8: 0.90})
X1 = Core("cortex-x1", dense=0.90, csr=0.55, block={1: 0.55, 2: 0.80, 4: 0.90, 8: 0.90})

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

# One position: a matrix-vector product waits for memory, so bytes decide: f32 values, and per nonzero an
# offset.
SPMV_DENSE_BYTES = 4.0
SPMV_OFFSET_BYTES = 4.0

# A sparse format must be predicted this much faster than dense to be chosen: the shares are known to some
# 10%.
MARGIN = 1.10


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


def spmm_cost(core: Core, values: int, positions: int, block_rows: int) -> float:
    """Cycles of peak for `values` stored weights (zeros in blocks included) against `positions`."""
    share = core.block[max(rows for rows in core.block if rows <= block_rows)]
    return values * positions / share


def spmv_cost(values: int, entries: int) -> float:
    """Bytes read for `values` stored weights at `entries` places."""
    return values * SPMV_DENSE_BYTES + entries * SPMV_OFFSET_BYTES
