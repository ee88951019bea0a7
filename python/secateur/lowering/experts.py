"""Experts chosen by what is computed: rows sorted by expert, and a matrix for each run of them.

Which rows an expert has is known when the network runs, so every expert computes all rows, and those that are
its own are kept: as many times the work as there are experts.
"""

from __future__ import annotations

import numpy as np

from secateur.ir.types import Array
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.integers import both, compare
from secateur.lowering.linear import contract
from secateur.lowering.order import combined
from secateur.lowering.pad import pad_dims
from secateur.lowering.reduce import reduce
from secateur.lowering.select import take
from secateur.lowering.shape import reshape_tensor, unsqueeze


def histogram(b: Builder, x: Tensor, bins: int, low: float, high: float) -> Tensor:
    """How many elements lie in each of `bins` equal parts of ``[low, high]``, whose last part has its end."""
    edges = np.linspace(low, high, bins + 1, dtype=np.float64).astype(np.float32)
    edges[-1] = np.nextafter(edges[-1], np.float32(np.inf))
    column = unsqueeze(reshape_tensor(b, x, [-1]), 1)
    above = compare(b, column, edges[:-1], "ge", whole=False)
    below = compare(b, column, edges[1:], "lt", whole=False)
    return reduce(b, both(b, above, below), [0], False, "sum")


def by_runs(b: Builder, x: Tensor, matrices: Array, ends: Tensor) -> Tensor:
    """``y[s] = x[s] @ matrices[e]`` of the expert e whose run of rows, up to ``ends[e]``, has row s; 0 behind
    the last run. x: [rows, K], matrices: [experts, K, N], ends: [experts], ascending."""
    experts, inputs, outputs = matrices.shape
    rows = np.arange(x.shape[0], dtype=np.float32).reshape(-1, 1)
    begun = compare(b, unsqueeze(ends, 0), rows, "gt", whole=True)  # of this expert or one before it
    before = pad_dims(b, take(b, begun, 1, 0, experts - 1), {1: (1, 0)}, 0.0) if experts > 1 else None
    own = begun if before is None else combined(b, begun, before, "sub")
    weight = np.ascontiguousarray(matrices.transpose(0, 2, 1).reshape(experts * outputs, inputs))
    each = reshape_tensor(b, contract(b, x, -1, weight, None), [x.shape[0], experts, outputs])
    return reduce(b, combined(b, each, unsqueeze(own, 2), "mul"), [1], False, "sum")
