"""Pooling over windows and over all positions; means over any dimensions that the planes can reduce."""

from __future__ import annotations

import math

import numpy as np

from secateur.frontend.axes import Atom, Dim, Tensor, merge, whole
from secateur.frontend.builder import LAYOUT_HINT, Builder
from secateur.frontend.registry import Args, Unsupported, handles
from secateur.ir import options as o


def _window(
    x: Tensor, kernel: list[int], stride: list[int], pad: list[int], ceil: bool, kind: str
) -> o.PoolOptions:
    """Kernel, stride and padding as explicit pads; ceil_mode becomes padding after the data."""
    stride = stride or kernel
    after = []
    for size, k, s, p in zip((x.value.height, x.value.width), kernel, stride, pad, strict=True):
        out = (size + 2 * p - k) / s
        count = math.ceil(out) if ceil else math.floor(out)
        if ceil and count * s >= size + p:  # the last window must start inside the data or its first padding
            count -= 1
        after.append(max(p, count * s + k - size - p) if ceil else p)
    return o.PoolOptions(
        kernel_h=kernel[0],
        kernel_w=kernel[1],
        stride_h=stride[0],
        stride_w=stride[1],
        pad_top=pad[0],
        pad_left=pad[1],
        pad_bottom=after[0],
        pad_right=after[1],
        kind=kind,
    )


def _tiling(height: int, width: int, kind: str) -> o.PoolOptions:
    """Windows side by side, for means and maxima."""
    kind = "average" if kind == "mean" else "max"
    return o.PoolOptions(kernel_h=height, kernel_w=width, stride_h=height, stride_w=width, kind=kind)


def _pool(b: Builder, a: Args, kind: str, spatial_rank: int) -> Tensor:
    x = a.tensor("self")
    channel = x.rank - spatial_rank - 1
    spatial = list(range(channel + 1, x.rank))
    x = b.on_grid(b.channels_in(x, [channel]), spatial)
    kernel = a.ints("kernel_size", spatial_rank)
    stride = a.ints("stride", spatial_rank) or kernel
    pad = a.ints("padding", spatial_rank) or [0] * spatial_rank
    if any(d != 1 for d in a.ints("dilation")):
        raise Unsupported("pooling with a dilation")
    if a.get("divisor_override") is not None:
        raise Unsupported("average pooling with divisor_override")
    if spatial_rank == 1:
        kernel, stride, pad = [1, *kernel], [1, *stride], [0, *pad]
    ceil = bool(a.get("ceil_mode"))
    if kind == "average" and a.get("count_include_pad") and any(pad):
        options = _window(x, kernel, stride, pad, ceil, "average_counting_pad")
        if options.pads != (pad[0], pad[1], pad[0], pad[1]):
            # The padding that ceil_mode adds does not count, the rest does: pad for real, then
            # count the data.
            v = x.value
            shape = (v.batch, v.channels, v.height + 2 * pad[0], v.width + 2 * pad[1])
            padded = b.emit("Pad", [v], shape, o.PadOptions(0, pad[0], pad[1]))
            x = b.on_new_grid(x, padded, spatial, None)
            options = _window(x, kernel, stride, [0, 0], ceil, "average")
    else:
        options = _window(x, kernel, stride, pad, ceil, kind)
    value = b.emit("Pool", [x.value], b.window_shape(x.value, x.value.channels, options), options)
    return b.on_new_grid(x, value, spatial, None)


@handles("max_pool2d.default")
def max_pool2d(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, "max", 2)


@handles("max_pool1d.default")
def max_pool1d(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, "max", 1)


@handles("max_pool2d_with_indices.default")
def max_pool2d_with_indices(b: Builder, a: Args) -> tuple[Tensor, None]:
    return _pool(b, a, "max", 2), None


@handles("avg_pool2d.default")
def avg_pool2d(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, "average", 2)


@handles("avg_pool1d.default")
def avg_pool1d(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, "average", 1)


def _adaptive(b: Builder, a: Args, spatial_rank: int, kind: str) -> Tensor:
    x = a.tensor("self")
    channel = x.rank - spatial_rank - 1
    spatial = list(range(channel + 1, x.rank))
    sizes = a.ints("output_size", spatial_rank)
    if all(s == 1 for s in sizes):
        return reduce(b, x, spatial, True, kind)
    x = b.on_grid(b.channels_in(x, [channel]), spatial)
    have = [x.value.height, x.value.width]
    want = [1, *sizes] if spatial_rank == 1 else sizes
    if have == want:
        return x
    if any(h % w for h, w in zip(have, want, strict=True)):
        raise Unsupported(f"adaptive pooling from {have} to {want}, which does not divide it")
    kernel = [h // w for h, w in zip(have, want, strict=True)]
    options = _tiling(kernel[0], kernel[1], kind)
    value = b.emit("Pool", [x.value], b.window_shape(x.value, x.value.channels, options), options)
    return b.on_new_grid(x, value, spatial, None)


@handles("adaptive_avg_pool2d.default", "_adaptive_avg_pool2d.default")
def adaptive_avg_pool2d(b: Builder, a: Args) -> Tensor:
    return _adaptive(b, a, 2, "mean")


@handles("adaptive_avg_pool1d.default")
def adaptive_avg_pool1d(b: Builder, a: Args) -> Tensor:
    return _adaptive(b, a, 1, "mean")


@handles("adaptive_max_pool2d.default")
def adaptive_max_pool2d(b: Builder, a: Args) -> tuple[Tensor, None]:
    return _adaptive(b, a, 2, "max"), None


def reduce(b: Builder, x: Tensor, dims: list[int], keepdim: bool, kind: str) -> Tensor:
    """Mean, sum or max over logical dims: all positions, all channels, or all rows or columns."""
    dims = sorted(d % x.rank for d in dims) if dims else list(range(x.rank))
    atoms = merge(atom for d in dims for atom in x.dims[d])
    rest = [() if d in dims else dim for d, dim in enumerate(x.dims)]
    v = x.value
    axes = {atom.axis for atom in atoms}
    if axes == {"C", "P"} and x.covers([a for a in atoms if a.axis == "C"], "C"):
        x = reduce(b, x, [d for d in dims if any(a.axis == "P" for a in x.dims[d])], True, kind)
        left = [d for d in dims if any(a.axis == "C" for a in x.dims[d])]
        return reduce(b, x, left, True, kind).with_dims(rest if keepdim else _drop(rest, dims))
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
        pool = _tiling(kernel[0], kernel[1], kind)
        out = b.emit("Pool", [v], b.window_shape(v, v.channels, pool), pool)
        if kernel[0] == 1:  # columns gone: rows are now contiguous
            rest = [tuple(_contiguous(a, v.width) for a in dim) for dim in rest]
    else:
        raise Unsupported(f"{LAYOUT_HINT}: a reduction over part of an axis")
    return Tensor(out, tuple(merge(d) for d in (rest if keepdim else _drop(rest, dims))))


def _rows(x: Tensor) -> Dim:
    return merge([Atom("P", x.value.height, x.value.width)])


def _contiguous(atom: Atom, width: int) -> Atom:
    return Atom("P", atom.size, atom.stride // width) if atom.axis == "P" else atom


def _drop(dims: list[Dim], gone: list[int]) -> list[Dim]:
    return [dim for d, dim in enumerate(dims) if d not in gone]


@handles("mean.dim", "mean.default")
def mean(b: Builder, a: Args) -> Tensor:
    return reduce(b, a.tensor("self"), a.ints("dim"), bool(a.get("keepdim")), "mean")


@handles("sum.dim_IntList", "sum.default")
def sum_(b: Builder, a: Args) -> Tensor:
    return reduce(b, a.tensor("self"), a.ints("dim"), bool(a.get("keepdim")), "sum")


@handles("max.dim")
def max_dim(b: Builder, a: Args) -> tuple[Tensor, None]:
    return reduce(b, a.tensor("self"), a.ints("dim"), bool(a.get("keepdim")), "max"), None


@handles("amax.default")
def amax(b: Builder, a: Args) -> Tensor:
    return reduce(b, a.tensor("self"), a.ints("dim"), bool(a.get("keepdim")), "max")
