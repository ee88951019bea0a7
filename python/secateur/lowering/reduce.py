"""Means, sums and maxima over any dimensions that the planes can reduce."""

from __future__ import annotations

import numpy as np

from secateur.ir import options as o
from secateur.lowering import rows
from secateur.lowering.axes import Atom, Dim, Tensor, merge, whole
from secateur.lowering.builder import Builder


def tiling(height: int, width: int, kind: str) -> o.PoolOptions:
    """Windows side by side, for means and maxima."""
    kind = "average" if kind == "mean" else "max"
    return o.PoolOptions(kernel_h=height, kernel_w=width, stride_h=height, stride_w=width, kind=kind)


def reduce(b: Builder, x: Tensor, dims: list[int], keepdim: bool, kind: str) -> Tensor:
    """Mean, sum, max or min over logical dims: all positions, all channels, or all rows or columns."""
    if kind == "min" and not x.row_major:  # planes have the largest alone
        y = reduce(b, b.binary_constant(x, "mul", np.full(1, -1, np.float32)), dims, keepdim, "max")
        return b.binary_constant(y, "mul", np.full(1, -1, np.float32))
    dims = sorted(d % x.rank for d in dims) if dims else list(range(x.rank))
    atoms = merge(atom for d in dims for atom in x.dims[d])
    rest = [() if d in dims else dim for d, dim in enumerate(x.dims)]
    if x.row_major:
        return rows.reduce(b, x, dims, keepdim, kind)
    v = x.value
    axes = {atom.axis for atom in atoms}
    if axes == {"C", "P"} and x.covers([a for a in atoms if a.axis == "C"], "C"):
        return _positions_then_channels(b, x, dims, keepdim, kind)
    if not axes:
        out = v
    elif x.covers(atoms, "P"):
        out = b.emit("GlobalPool", [v], (v.batch, v.channels, 1, 1), o.GlobalPoolOptions(kind))
    elif x.covers(atoms, "C") and kind != "max":
        share = 1 / v.channels if kind == "mean" else 1.0
        options = o.ConvOptions(weight=np.full((1, v.channels), share, np.float32))
        out = b.emit("Conv", [v], (v.batch, 1, v.height, v.width), options)
    elif x.covers(atoms, "C"):
        return b.transpose(reduce(b, b.transpose(x), dims, keepdim, kind))
    elif axes == {"P"} and kind != "sum" and atoms in (_rows(x), whole("P", v.width)):
        kernel = (v.height, 1) if atoms == _rows(x) else (1, v.width)
        pool = tiling(kernel[0], kernel[1], kind)
        out = b.emit("Pool", [v], b.window_shape(v, v.channels, pool), pool)
        if kernel[0] == 1:  # columns gone: rows are now contiguous
            rest = [tuple(_contiguous(a, v.width) for a in dim) for dim in rest]
    else:
        return rows.reduce(b, x, dims, keepdim, kind, "a reduction over part of an axis")
    return Tensor(out, tuple(merge(d) for d in (rest if keepdim else _drop(rest, dims))))


def _positions_then_channels(b: Builder, x: Tensor, dims: list[int], keepdim: bool, kind: str) -> Tensor:
    """Two reductions; a dimension that holds both positions and channels is taken apart for them."""
    parts: list[Dim] = []
    owners: list[int] = []  # the logical dim that each part comes of
    for d, dim in enumerate(x.dims):
        pieces = [(atom,) for atom in dim] if d in dims else [dim]
        parts += pieces
        owners += [d] * len(pieces)
    y = Tensor(x.value, tuple(parts))
    doomed = {
        axis: [i for i, p in enumerate(parts) if owners[i] in dims and p and p[0].axis == axis]
        for axis in "PC"
    }
    for axis in "PC":
        y = reduce(b, y, doomed[axis], True, kind)
    left = {owners[i]: dim for i, dim in enumerate(y.dims) if owners[i] not in dims}
    rest = [left.get(d, ()) for d in range(x.rank)]
    return y.with_dims(rest if keepdim else _drop(rest, dims))


def _rows(x: Tensor) -> Dim:
    return merge([Atom("P", x.value.height, x.value.width)])


def _contiguous(atom: Atom, width: int) -> Atom:
    return Atom("P", atom.size, atom.stride // width) if atom.axis == "P" else atom


def _drop(dims: list[Dim], gone: list[int]) -> list[Dim]:
    return [dim for d, dim in enumerate(dims) if d not in gone]
