"""Rows and columns resampled: each of the output's is a weighted sum of a few of the input's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import ResizeOptions
from secateur.ir.types import Array, Indices, TensorType


def extent(size: int, index: Indices | None, weight: Array | None, taps: int, what: str) -> int:
    """Rows (or columns) of the output."""
    require(index is not None and index.ndim == 1 and index.size > 0, f"no {what} are named")
    assert index is not None
    require(taps > 0 and index.size % taps == 0, f"the taps do not divide the {what}")
    require(int(index.max()) < size, f"of {size} {what}, number {int(index.max())} is asked for")
    require(weight is None or weight.shape == index.shape, f"as many weights as {what} are needed")
    require(weight is not None or taps == 1, f"{what} are summed without weights")
    return index.size // taps


def rule(x: Sequence[TensorType], o: ResizeOptions, _: TensorType) -> TensorType:
    batch, channels, height, width = x[0].shape
    rows = extent(height, o.row_index, o.row_weight, o.row_taps, "rows")
    columns = extent(width, o.col_index, o.col_weight, o.col_taps, "columns")
    return x[0].with_shape((batch, channels, rows, columns))


def along(x: Floats, axis: int, index: Indices | None, weight: Array | None, taps: int) -> Floats:
    """The sums along one axis."""
    assert index is not None
    picked = np.take(x, index.reshape(-1, taps), axis=axis)
    if weight is None:
        return np.asarray(picked[(slice(None),) * (axis + 1) + (0,)])
    table = weight.reshape(-1, taps).astype(x.dtype)
    return np.asarray((picked * table.reshape((-1, taps) + (1,) * (x.ndim - axis - 1))).sum(axis + 1))


def definition(inputs: Sequence[Floats], o: ResizeOptions, _: TensorType) -> Floats:
    rows = along(inputs[0], 2, o.row_index, o.row_weight, o.row_taps)
    return along(rows, 3, o.col_index, o.col_weight, o.col_taps)


OPERATOR = Operator(
    "Resize",
    ResizeOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    terms=lambda op: int(op.options.row_taps * op.options.col_taps),
)
