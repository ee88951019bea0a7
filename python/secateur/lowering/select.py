"""Slices and splits along any logical dimension."""

from __future__ import annotations

import itertools

import numpy as np

from secateur.ir import options as o
from secateur.lowering import rows
from secateur.lowering.axes import Atom, Tensor, resize
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported, UnsupportedLayout


def on_rows_or_columns(x: Tensor, atom: Atom) -> bool:
    """Whether some grid has that run of positions as all its rows or all its columns."""
    return atom.stride == 1 or x.value.positions == atom.size * atom.stride


def grid_for(b: Builder, x: Tensor, atom: Atom) -> Tensor:
    """A regrid in which that run of positions is all rows or all columns."""
    outer = x.value.positions // (atom.size * atom.stride)
    if atom == Atom("P", x.value.height, x.value.width) or atom == Atom("P", x.value.width):
        return x
    if outer == 1:
        return b.regrid(x, atom.size, atom.stride) if atom.stride > 1 else b.regrid(x, 1, atom.size)
    if atom.stride == 1:
        return b.regrid(x, outer, atom.size)
    raise UnsupportedLayout("part of the positions")


def take(b: Builder, x: Tensor, dim: int, start: int, length: int, step: int = 1) -> Tensor:
    """``x[..., start : start + length * step : step, ...]`` along one logical dim."""
    dim %= x.rank
    if (start, length, step) == (0, x.shape[dim], 1):
        return x
    if length < 1:
        raise Unsupported("an empty slice")
    if x.row_major:
        return rows.take(b, x, dim, start, length, step)
    if len(x.dims[dim]) > 1 and {a.axis for a in x.dims[dim]} == {"C"} and x.covers(x.dims[dim], "C"):
        x = b.channels_in(x, [dim], ordered=True)
    if len(x.dims[dim]) != 1:
        return rows.take(b, x, dim, start, length, step, "a slice across several axes")
    atom = x.dims[dim][0]
    if atom.axis == "B":
        if b.escape:
            return rows.take(b, x, dim, start, length, step)
        raise UnsupportedLayout(hint="a slice of the batch")
    v = x.value
    if atom.axis == "C":
        if atom.size * atom.stride == v.channels and step == 1:
            shape = (v.batch, length * atom.stride, v.height, v.width)
            value = b.emit("Slice", [v], shape, o.SliceOptions(channel_begin=start * atom.stride))
        else:
            index = np.arange(v.channels).reshape(-1, atom.size, atom.stride)
            value = b.select_channels(x, index[:, start : start + length * step : step].reshape(-1))
    else:
        if b.escape and not on_rows_or_columns(x, atom):
            return rows.take(b, x, dim, start, length, step)
        x = grid_for(b, x, atom)
        v = x.value
        if atom.stride == 1 and atom.size == v.width:
            options = o.SliceOptions(col_begin=start, col_step=step)
            shape = (v.batch, v.channels, v.height, length)
        else:
            options = o.SliceOptions(row_begin=start, row_step=step)
            shape = (v.batch, v.channels, length, v.width)
        value = b.emit("Slice", [v], shape, options)
    return Tensor(value, resize(x.dims, atom, length))


def take_range(b: Builder, x: Tensor, dim: int, start: int | None, end: int | None, step: int = 1) -> Tensor:
    """``x[..., start:end:step, ...]`` with Python's rules for negative and absent ends."""
    first, stop, step = slice(start, end, step).indices(x.shape[dim % x.rank])
    return take(b, x, dim, first, len(range(first, stop, step)), step)


def pick(b: Builder, x: Tensor, dim: int, index: int) -> Tensor:
    """``x[..., index, ...]``: the dimension is gone."""
    dim %= x.rank
    return drop_dim(take(b, x, dim, index % x.shape[dim], 1), dim)


def drop_dim(x: Tensor, dim: int) -> Tensor:
    """Without a dimension of size 1."""
    return x.with_dims((*x.dims[:dim], *x.dims[dim + 1 :]))


def split(b: Builder, x: Tensor, dim: int, sizes: list[int]) -> list[Tensor]:
    """Consecutive parts of these sizes."""
    starts = itertools.accumulate(sizes[:-1], initial=0)
    return [take(b, x, dim, start, size) for start, size in zip(starts, sizes, strict=True)]


def unbind(b: Builder, x: Tensor, dim: int) -> list[Tensor]:
    """Every index of a dimension, without it."""
    dim %= x.rank
    return [drop_dim(part, dim) for part in split(b, x, dim, [1] * x.shape[dim])]


def equal_parts(total: int, size: int) -> list[int]:
    """
    >>> equal_parts(7, 3)
    [3, 3, 1]
    """
    return [min(size, total - start) for start in range(0, total, size)]
