"""Concatenation along any logical dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir import options as o
from secateur.lowering import rows
from secateur.lowering.axes import Atom, Tensor
from secateur.lowering.binary import combine, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.constant import constant
from secateur.lowering.pad import pad_dims
from secateur.lowering.select import on_rows_or_columns, take
from secateur.lowering.unsupported import Unsupported, UnsupportedLayout


def _join_axis(tensors: list[Tensor], dim: int) -> str:
    axes = {a.axis for t in tensors for a in t.dims[dim]}
    if len(axes) > 1 or "B" in axes:
        raise UnsupportedLayout(hint="a concatenation of the batch, or across different axes")
    if axes:
        return axes.pop()
    first = tensors[0].value
    return "C" if first.channels == 1 or first.positions > 1 else "P"


def _joins_in_planes(tensors: list[Tensor], dim: int) -> bool:
    if any(t.row_major for t in tensors):
        return False
    axes = {a.axis for t in tensors for a in t.dims[dim]}
    if len(axes) > 1 or "B" in axes:
        return False
    if axes != {"P"}:
        return True
    return all(len(t.dims[dim]) == 1 and on_rows_or_columns(t, t.dims[dim][0]) for t in tensors)


def join(b: Builder, tensors: list[Tensor], dim: int) -> Tensor:
    """Computed tensors side by side along one logical dim."""
    if len(tensors) == 1:
        return tensors[0]
    if b.escape and not _joins_in_planes(tensors, dim):
        return rows.join(b, tensors, dim)
    if _join_axis(tensors, dim) == "P":
        if any(t.value.positions != t.shape[dim] for t in tensors):
            return _join_on_grid(b, tensors, dim)
        return b.transpose(join(b, [b.transpose(t) for t in tensors], dim))
    ready = []
    for t in tensors:
        channels = t.dims[dim]
        if len(channels) > 1 and t.covers(channels, "C"):
            t = b.channels_in(t, [dim], ordered=True)
        ready.append(t)
    first = ready[0]
    strides = {t.value.channels // t.shape[dim] for t in ready}
    rests = {t.dims[:dim] + t.dims[dim + 1 :] for t in ready}
    outermost = all(
        t.dims[dim] in ((), (Atom("C", t.shape[dim], t.value.channels // t.shape[dim]),)) for t in ready
    )
    grids = {(t.value.batch, t.value.positions) for t in ready}
    if len(strides) != 1 or len(rests) != 1 or not outermost or len(grids) != 1:
        return rows.join(b, ready, dim, "the parts of a concatenation are stored in different orders")
    v = first.value
    value = b.emit(
        "Concat",
        [t.value for t in ready],
        (v.batch, sum(t.value.channels for t in ready), v.height, v.width),
        o.ConcatOptions(),
    )
    joined = Atom("C", sum(t.shape[dim] for t in ready), strides.pop())
    return Tensor(value, first.dims).replace(dim, (joined,))


def _join_on_grid(b: Builder, tensors: list[Tensor], dim: int) -> Tensor:
    """Rows or columns side by side: each part padded with zeros to the whole, and their sum."""
    total = sum(t.shape[dim] for t in tensors)
    start, joined = 0, None
    for t in tensors:
        part = pad_dims(b, t, {dim: (start, total - start - t.shape[dim])}, 0.0)
        joined = part if joined is None else two_tensors(b, joined, part, "add")
        start += t.shape[dim]
    assert joined is not None
    return joined


def concatenate(b: Builder, parts: Sequence[Tensor | NDArray[Any]], dim: int) -> Tensor:
    """Computed tensors and constants side by side."""
    parts = [p for p in parts if not (isinstance(p, np.ndarray) and p.size == 0)]
    where = [i for i, p in enumerate(parts) if isinstance(p, Tensor)]
    first, last = where[0], where[-1]
    near = parts[first]
    assert isinstance(near, Tensor)
    middle = [p if isinstance(p, Tensor) else constant(b, near, p) for p in parts[first : last + 1]]
    dim %= middle[0].rank
    x = join(b, middle, dim)
    before, after = parts[:first], parts[last + 1 :]
    return _with_constants(b, x, dim, before, after) if before or after else x


def _with_constants(b: Builder, x: Tensor, dim: int, before: Sequence[Any], after: Sequence[Any]) -> Tensor:
    """Constants before and after: padding with zeros, then one addition."""
    head, tail = (sum(int(c.shape[dim]) for c in side) for side in (before, after))
    around = np.concatenate([*before, np.zeros(x.shape, np.float32), *after], dim)
    y = pad_dims(b, x, {dim: (head, tail)}, 0.0)
    joined = combine(b, y, around, "add")
    assert isinstance(joined, Tensor)
    return joined


def replaced(
    b: Builder,
    x: Tensor | NDArray[Any],
    part: Tensor | NDArray[Any],
    dim: int,
    start: int,
    count: int,
    step: int,
) -> Tensor | NDArray[Any]:
    """x, and `part` in the place of ``x[..., start : start + count * step : step, ...]``; either may be a
    constant, not both."""
    known = x if isinstance(x, Tensor) else part
    dim %= len(x.shape)
    size = x.shape[dim]
    if (start, count, step) == (0, size, 1):
        return part
    if not count:
        return x
    if not isinstance(known, Tensor):
        raise Unsupported("constants put into constants")
    if step == 1:
        pieces = [_piece(b, x, dim, 0, start), part, _piece(b, x, dim, start + count, size - start - count)]
        return concatenate(b, [p for p in pieces if p is not None], dim)
    parts: list[Any] = []
    for place in range(size):
        number, off = divmod(place - start, step)
        inside = off == 0 and 0 <= number < count
        parts.append(_piece(b, part if inside else x, dim, number if inside else place, 1))
    return concatenate(b, parts, dim)


def _piece(b: Builder, x: Tensor | NDArray[Any], dim: int, start: int, length: int) -> Any:
    if length < 1:
        return None
    if isinstance(x, Tensor):
        return take(b, x, dim, start, length)
    return x.take(np.arange(start, start + length), dim)
