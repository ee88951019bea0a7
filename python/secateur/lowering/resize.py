"""Resampling of rows and columns: the modes of an image's resize, as the sums that they are.

Positions are computed in float32, as PyTorch does: an index may hang on a rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir import Value
from secateur.ir import options as o
from secateur.ir.types import Array, Indices
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported

Table = tuple[Indices, Array | None, int]  # index, weight, taps

_CUBIC = -0.75  # Keys (1981) with the slope that PyTorch takes


def table(
    size: int, out: int, mode: str, *, align_corners: bool = False, scale: float | None = None
) -> Table:
    """(index, weight, taps) of one axis of `size` elements resampled to `out`.

    mode: nearest, nearest-exact, linear or cubic; the last two also ", antialiased". scale: of the output's
    size, where the caller gave one: then it, and not the ratio of the sizes, says where an element lies.

    >>> table(2, 4, "nearest")[0].tolist()
    [0, 0, 1, 1]
    >>> index, weight, taps = table(2, 4, "linear")
    >>> index.reshape(-1, taps).tolist(), weight.reshape(-1, taps).tolist()
    ([[0, 1], [0, 1], [0, 1], [1, 1]], [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.75, 0.25]])
    """
    f32 = np.float32
    if mode.endswith("antialiased"):
        return _antialiased(size, out, mode.startswith("cubic"), align_corners, scale)
    at = np.arange(out, dtype=f32)
    if align_corners and mode in ("linear", "cubic"):
        source = at * f32((size - 1) / (out - 1) if out > 1 else 0)
    else:
        step = f32(1.0 / scale) if scale else f32(size) / f32(out)
        if mode == "nearest":
            return _indices(np.floor(at * step), size), None, 1
        if mode == "nearest-exact":
            return _indices(np.floor((at + f32(0.5)) * step), size), None, 1
        source = step * (at + f32(0.5)) - f32(0.5)
    if mode == "linear":
        source = np.maximum(source, f32(0))
        first = np.minimum(np.floor(source), size - 1)
        t = np.clip(source - first, 0, 1).astype(f32)
        index = np.stack([first, np.minimum(first + 1, size - 1)], 1)
        return _indices(index, size), np.stack([f32(1) - t, t], 1).reshape(-1), 2
    first = np.floor(source)
    t = np.clip(source - first, 0, 1).astype(np.float64)
    index = first[:, None] + np.arange(-1, 3, dtype=f32)
    weight = np.stack([_outer(1 + t), _inner(t), _inner(1 - t), _outer(2 - t)], 1)
    return _indices(index, size), weight.astype(f32).reshape(-1), 4


def _indices(at: NDArray[np.floating], size: int) -> Indices:
    return np.asarray(np.clip(at, 0, size - 1).astype(np.uint32).reshape(-1))


def _antialiased(size: int, out: int, cubic: bool, align_corners: bool, scale: float | None) -> Table:
    """The kernel stretched by how much smaller the output is, its weights to sum 1; cubic with slope -0.5."""
    step = 1 / scale if scale else size / out
    if align_corners:
        step = (size - 1) / (out - 1) if out > 1 else 0.0
    stretch = max(step, 1.0)
    reach = (2 if cubic else 1) * stretch
    centre = step * (np.arange(out) + 0.5)
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    end = np.minimum((centre + reach + 0.5).astype(np.int64), size)
    index = first[:, None] + np.arange((end - first).max())
    d = np.abs((index - centre[:, None] + 0.5) / stretch)
    if cubic:
        weight = np.where(d < 1, _inner(d, -0.5), np.where(d < 2, _outer(d, -0.5), 0))
    else:
        weight = np.maximum(1 - d, 0)
    weight = np.where(index < end[:, None], weight, 0)
    weight /= weight.sum(1, keepdims=True)
    return _indices(index.astype(np.float64), size), weight.astype(np.float32).reshape(-1), index.shape[1]


def _inner(t: NDArray[np.float64], slope: float = _CUBIC) -> NDArray[np.float64]:
    """The kernel of cubic convolution for distances up to 1."""
    return ((slope + 2) * t - (slope + 3)) * t * t + 1


def _outer(t: NDArray[np.float64], slope: float = _CUBIC) -> NDArray[np.float64]:
    """The same between 1 and 2."""
    return ((slope * t - 5 * slope) * t + 8 * slope) * t - 4 * slope


def resize(
    b: Builder,
    x: Tensor,
    mode: str,
    size: Sequence[int],
    *,
    align_corners: bool = False,
    scales: Sequence[float | None] | None = None,
) -> Tensor:
    """The last len(size) dimensions (one or two) resampled to `size`, behind the channels."""
    if min(size) < 1:
        raise Unsupported(f"a size of {list(size)}")
    channel = x.rank - len(size) - 1
    spatial = list(range(channel + 1, x.rank))
    x = b.on_grid(b.channels_in(x, [channel]), spatial)
    given = [None, *(scales or [None] * len(size))][-2:]
    tables = [
        table(old, new, mode, align_corners=align_corners, scale=scale)
        for old, new, scale in zip((x.value.height, x.value.width), [1, *size][-2:], given, strict=True)
    ]
    if len(size) == 1:  # one row stays one row
        tables[0] = chosen([0])
    return b.on_new_grid(x, by_tables(b, x.value, *tables), spatial, None)


def by_tables(b: Builder, v: Value, rows: Table, columns: Table) -> Value:
    """Rows and columns as weighted sums, each of a table's (index, weight, taps)."""
    (row_index, row_weight, row_taps), (col_index, col_weight, col_taps) = rows, columns
    options = o.ResizeOptions(
        row_taps=row_taps,
        col_taps=col_taps,
        row_index=row_index,
        col_index=col_index,
        row_weight=row_weight,
        col_weight=col_weight,
    )
    shape = (v.batch, v.channels, row_index.size // row_taps, col_index.size // col_taps)
    return b.emit("Resize", [v], shape, options)


def chosen(index: Sequence[int] | NDArray[Any]) -> Table:
    """The table of elements as they are."""
    return np.asarray(index, np.uint32), None, 1
