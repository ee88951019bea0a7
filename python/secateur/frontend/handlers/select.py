"""Slices, splits, concatenations and padding along any logical dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from secateur.frontend.axes import Atom, Dims, Tensor, resize
from secateur.frontend.builder import LAYOUT_HINT, Builder
from secateur.frontend.handlers.elementwise import arrange, two_tensors
from secateur.frontend.registry import Args, Unsupported, handles
from secateur.ir import options as o


def _grid_for(b: Builder, x: Tensor, atom: Atom) -> Tensor:
    """A regrid in which that run of positions is all rows or all columns."""
    outer = x.value.positions // (atom.size * atom.stride)
    if atom == Atom("P", x.value.height, x.value.width) or atom == Atom("P", x.value.width):
        return x
    if outer == 1:
        return b.regrid(x, atom.size, atom.stride) if atom.stride > 1 else b.regrid(x, 1, atom.size)
    if atom.stride == 1:
        return b.regrid(x, outer, atom.size)
    raise Unsupported(f"{LAYOUT_HINT}: part of the positions")


def take(b: Builder, x: Tensor, dim: int, start: int, length: int, step: int = 1) -> Tensor:
    """``x[..., start : start + length * step : step, ...]`` along one logical dim."""
    dim %= x.rank
    if (start, length, step) == (0, x.shape[dim], 1):
        return x
    if length < 1:
        raise Unsupported("an empty slice")
    if len(x.dims[dim]) > 1 and {a.axis for a in x.dims[dim]} == {"C"} and x.covers(x.dims[dim], "C"):
        x = b.channels_in(x, [dim], ordered=True)
    if len(x.dims[dim]) != 1:
        raise Unsupported(f"{LAYOUT_HINT}: a slice across several axes")
    atom = x.dims[dim][0]
    if atom.axis == "B":
        raise Unsupported("a slice of the batch")
    v = x.value
    if atom.axis == "C":
        if atom.size * atom.stride == v.channels and step == 1:
            shape = (v.batch, length * atom.stride, v.height, v.width)
            value = b.emit("Slice", [v], shape, o.SliceOptions(channel_begin=start * atom.stride))
        else:
            index = np.arange(v.channels).reshape(-1, atom.size, atom.stride)
            value = b.select_channels(x, index[:, start : start + length * step : step].reshape(-1))
    else:
        x = _grid_for(b, x, atom)
        v = x.value
        if atom.stride == 1 and atom.size == v.width:
            options = o.SliceOptions(col_begin=start, col_step=step)
            shape = (v.batch, v.channels, v.height, length)
        else:
            options = o.SliceOptions(row_begin=start, row_step=step)
            shape = (v.batch, v.channels, length, v.width)
        value = b.emit("Slice", [v], shape, options)
    return Tensor(value, resize(x.dims, atom, length))


@handles("slice.Tensor", "narrow.default")
def slice_(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    dim = int(a.get("dim", 0)) % x.rank
    size = x.shape[dim]
    start = a.get("start") or 0
    end = start + a.get("length") if a.target == "narrow.default" else a.get("end")
    start, stop, step = slice(start, end, a.get("step", 1)).indices(size)
    return take(b, x, dim, start, len(range(start, stop, step)), step)


@handles("select.int")
def select(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    dim = int(a.get("dim")) % x.rank
    y = take(b, x, dim, int(a.get("index")) % x.shape[dim], 1)
    return y.with_dims((*y.dims[:dim], *y.dims[dim + 1 :]))


def _pieces(b: Builder, x: Tensor, dim: int, sizes: list[int]) -> list[Tensor]:
    starts = np.cumsum([0, *sizes[:-1]])
    return [take(b, x, dim, int(start), size) for start, size in zip(starts, sizes, strict=True)]


@handles("split.Tensor", "chunk.default", "split_with_sizes.default", "split.sizes", "unbind.int")
def split(b: Builder, a: Args) -> list[Tensor]:
    x = a.tensor("self")
    dim = int(a.get("dim", 0)) % x.rank
    total = x.shape[dim]
    if a.target == "unbind.int":
        parts = _pieces(b, x, dim, [1] * total)
        return [p.with_dims((*p.dims[:dim], *p.dims[dim + 1 :])) for p in parts]
    if a.target in ("split_with_sizes.default", "split.sizes"):
        return _pieces(b, x, dim, a.ints("split_sizes") or a.ints("split_size"))
    size = -(-total // int(a.get("chunks"))) if a.target == "chunk.default" else int(a.get("split_size"))
    return _pieces(b, x, dim, [min(size, total - start) for start in range(0, total, size)])


# --- concatenation -------------------------------------------------------------------------------------


def _join_axis(tensors: list[Tensor], dim: int) -> str:
    axes = {a.axis for t in tensors for a in t.dims[dim]}
    if len(axes) > 1 or "B" in axes:
        raise Unsupported("a concatenation of the batch, or across different axes")
    if axes:
        return axes.pop()
    first = tensors[0].value
    return "C" if first.channels == 1 or first.positions > 1 else "P"


def join(b: Builder, tensors: list[Tensor], dim: int) -> Tensor:
    """Computed tensors side by side along one logical dim."""
    if len(tensors) == 1:
        return tensors[0]
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
        raise Unsupported(f"{LAYOUT_HINT}: the parts of a concatenation are stored in different orders")
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


@handles("cat.default", "concat.default")
def cat(b: Builder, a: Args) -> Tensor:
    parts = [p for p in a.tensors("tensors") if not (isinstance(p, torch.Tensor) and p.numel() == 0)]
    computed = [p for p in parts if isinstance(p, Tensor)]
    dim = int(a.get("dim", 0)) % computed[0].rank
    first = next(i for i, p in enumerate(parts) if isinstance(p, Tensor))
    middle = parts[first : first + len(computed)]
    if not all(isinstance(p, Tensor) for p in middle):
        raise Unsupported("a constant between computed parts of a concatenation")
    x = join(b, middle, dim)
    before, after = parts[:first], parts[first + len(computed) :]
    return _with_constants(b, x, dim, before, after) if before or after else x


def _with_constants(b: Builder, x: Tensor, dim: int, before: list[Any], after: list[Any]) -> Tensor:
    """Constants before and after: padding with zeros, then one addition."""
    head, tail = (sum(int(c.shape[dim]) for c in side) for side in (before, after))
    middle = torch.zeros(x.shape)
    constant = torch.cat([*before, middle, *after], dim)
    y = pad_dims(b, x, {dim: (head, tail)}, 0.0)
    return b.binary_constant(y, "add", arrange(b, constant, y))


# --- padding -------------------------------------------------------------------------------------------


def pad_dims(b: Builder, x: Tensor, pads: dict[int, tuple[int, int]], fill: float) -> Tensor:
    """Constant padding of logical dims; negative amounts cut."""
    for dim, (before, after) in list(pads.items()):
        if before < 0 or after < 0:
            start, end = max(-before, 0), x.shape[dim] - max(-after, 0)
            x = take(b, x, dim, start, end - start)
            pads[dim] = (max(before, 0), max(after, 0))
    pads = {dim: amount for dim, amount in pads.items() if any(amount)}
    if not pads:
        return x
    channel, rows, columns = (0, 0), (0, 0), (0, 0)
    changes: list[tuple[int, Atom, int]] = []
    for dim, (before, after) in pads.items():
        atom = _pad_atom(x, dim)
        if atom.axis == "P" and atom.size > 1:
            x = _grid_for(b, x, atom)
        total = atom.size + before + after
        if atom.axis == "C" and atom.size * atom.stride == x.value.channels:
            channel = (before * atom.stride, after * atom.stride)
        elif atom.axis == "P" and atom.stride == 1 and atom.size == x.value.width:
            columns = (before, after)
        elif atom.axis == "P" and (atom.size, atom.stride) == (x.value.height, x.value.width):
            rows = (before, after)
        else:
            raise Unsupported(f"{LAYOUT_HINT}: padding of part of an axis")
        changes.append((dim, atom, total))
    v = x.value
    shape = (v.batch, v.channels + sum(channel), v.height + sum(rows), v.width + sum(columns))
    value = b.emit("Pad", [v], shape, o.PadOptions(channel[0], rows[0], columns[0], fill))
    dims: Dims = x.dims
    for dim, atom, total in sorted(changes, key=lambda change: change[1].stride, reverse=True):
        if atom.size > 1:
            dims = resize(dims, atom, total)
        else:
            dims = (*dims[:dim], (Atom(atom.axis, total, atom.stride),), *dims[dim + 1 :])
    return Tensor(value, dims)


def _pad_atom(x: Tensor, dim: int) -> Atom:
    if len(x.dims[dim]) == 1:
        return x.dims[dim][0]
    if len(x.dims[dim]) > 1 or (x.value.channels > 1 and x.value.positions > 1):
        raise Unsupported(f"{LAYOUT_HINT}: padding across several axes")
    return Atom("C", 1) if x.value.channels == 1 else Atom("P", 1)


@handles("constant_pad_nd.default", "pad.default")
def pad(b: Builder, a: Args) -> Tensor:
    if a.get("mode", "constant") != "constant":
        raise Unsupported(f"padding of mode {a.get('mode')!r}")
    x, amounts = a.tensor("self"), a.ints("pad")
    pads = {x.rank - 1 - i: (amounts[2 * i], amounts[2 * i + 1]) for i in range(len(amounts) // 2)}
    return pad_dims(b, x, pads, float(a.get("value") or 0))
