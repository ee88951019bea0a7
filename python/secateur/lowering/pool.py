"""Pooling over windows."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from secateur.ir import options as o
from secateur.lowering.axes import Tensor, resize
from secateur.lowering.binary import two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.gather import gather
from secateur.lowering.reduce import reduce, tiling
from secateur.lowering.resize import Table, by_tables


def _window(
    x: Tensor,
    kernel: list[int],
    stride: list[int],
    pad: list[int],
    ceil: bool,
    kind: str,
    dilation: tuple[int, int] = (1, 1),
    end: list[int] | None = None,
) -> o.PoolOptions:
    """Kernel, stride and padding as explicit pads; ceil_mode becomes padding after the data."""
    stride = stride or kernel
    after = []
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = (x.value.height, x.value.width)
    for size, k, s, p, e in zip(sizes, reach, stride, pad, pad if end is None else end, strict=True):
        out = (size + p + e - k) / s
        count = math.ceil(out) if ceil else math.floor(out)
        if ceil and count * s >= size + p:  # the last window must start inside the data or its first padding
            count -= 1
        after.append(max(e, count * s + k - size - p) if ceil else e)
    return o.PoolOptions(
        kernel_h=kernel[0],
        kernel_w=kernel[1],
        stride_h=stride[0],
        stride_w=stride[1],
        pad_top=pad[0],
        pad_left=pad[1],
        pad_bottom=after[0],
        pad_right=after[1],
        dilation_h=dilation[0],
        dilation_w=dilation[1],
        kind=kind,
    )


def pool(
    b: Builder,
    x: Tensor,
    kind: str,
    *,
    kernel: list[int],
    stride: list[int],
    pad: list[int],
    ceil: bool = False,
    count_pad: bool = False,
    dilation: list[int] | None = None,
    after: list[int] | None = None,
) -> Tensor:
    """Windows over the last dimensions; kind is max or average, `count_pad` lets padding into averages.
    after: the padding behind, where it is not that before."""
    spatial_rank = len(kernel)
    channel = x.rank - spatial_rank - 1
    spatial = list(range(channel + 1, x.rank))
    x = b.on_grid(b.channels_in(x, [channel]), spatial)
    if spatial_rank == 1:
        kernel, stride, pad = [1, *kernel], [1, *stride], [0, *pad]
        after = None if after is None else [0, *after]
    end = pad if after is None else after
    down, along = (1, 1, *(dilation or [1]))[-2:]
    if kind == "average" and count_pad and any((*pad, *end)):
        options = _window(x, kernel, stride, pad, ceil, "average_counting_pad", (down, along), end)
        if options.pads != (*pad, *end):
            # The padding that ceil_mode adds does not count, the rest does: pad for real, then
            # count the data.
            v = x.value
            shape = (v.batch, v.channels, v.height + pad[0] + end[0], v.width + pad[1] + end[1])
            padded = b.emit("Pad", [v], shape, o.PadOptions(0, pad[0], pad[1]))
            x = b.on_new_grid(x, padded, spatial, None)
            options = _window(x, kernel, stride, [0, 0], ceil, "average", (down, along))
    else:
        options = _window(x, kernel, stride, pad, ceil, kind, (down, along), end)
        if options.pad_bottom >= kernel[0] or options.pad_right >= kernel[1]:  # of dilated windows
            x, options = _padded(b, x, spatial, options)
    value = b.emit("Pool", [x.value], b.window_shape(x.value, x.value.channels, options), options)
    return b.on_new_grid(x, value, spatial, None)


def _padded(b: Builder, x: Tensor, spatial: list[int], w: o.PoolOptions) -> tuple[Tensor, o.PoolOptions]:
    """The padding of a maximum made real, as minus infinity."""
    v = x.value
    top, left, bottom, right = w.pads
    shape = (v.batch, v.channels, v.height + top + bottom, v.width + left + right)
    padded = b.emit("Pad", [v], shape, o.PadOptions(0, top, left, -math.inf))
    w = dataclasses.replace(w, pad_top=0, pad_left=0, pad_bottom=0, pad_right=0)
    return b.on_new_grid(x, padded, spatial, None), w


def adaptive_pool(b: Builder, x: Tensor, kind: str, sizes: list[int]) -> Tensor:
    """The last dimensions to these sizes, which divide them; kind is mean or max."""
    spatial_rank = len(sizes)
    channel = x.rank - spatial_rank - 1
    spatial = list(range(channel + 1, x.rank))
    if all(s == 1 for s in sizes):
        return reduce(b, x, spatial, True, kind)
    x = b.on_grid(b.channels_in(x, [channel]), spatial)
    have = [x.value.height, x.value.width]
    want = [1, *sizes] if spatial_rank == 1 else sizes
    if have == want:
        return x
    if any(h % w for h, w in zip(have, want, strict=True)):
        if kind == "max":
            return maxima(b, x, spatial, have[-spatial_rank:], sizes)
        return averages(b, x, spatial, have, want)
    kernel = [h // w for h, w in zip(have, want, strict=True)]
    options = tiling(kernel[0], kernel[1], kind)
    value = b.emit("Pool", [x.value], b.window_shape(x.value, x.value.channels, options), options)
    return b.on_new_grid(x, value, spatial, None)


def averages(b: Builder, x: Tensor, spatial: list[int], have: list[int], want: list[int]) -> Tensor:
    """Means over windows that overlap where the sizes do not divide, as sums of rows and columns."""
    rows, columns = (mean_table(h, w) for h, w in zip(have, want, strict=True))
    return b.on_new_grid(x, by_tables(b, x.value, rows, columns), spatial, None)


def maxima(b: Builder, x: Tensor, spatial: list[int], have: list[int], want: list[int]) -> Tensor:
    """The same of maxima, along one dimension after the other: of each tap of all windows."""
    for dim, size, out in zip(spatial, have, want, strict=True):
        index, _, taps = mean_table(size, out)
        parts = [gather(b, x, dim, tap) for tap in index.reshape(out, taps).T]
        x = parts[0]
        for part in parts[1:]:
            x = two_tensors(b, x, part, "max")
    return x


def mean_table(size: int, out: int) -> Table:
    """The means of elements floor(i size / out) to ceil((i + 1) size / out).

    >>> index, weight, taps = mean_table(5, 2)
    >>> index.tolist(), taps
    ([0, 1, 2, 2, 3, 4], 3)
    """
    first = [i * size // out for i in range(out)]
    end = [-(-(i + 1) * size // out) for i in range(out)]
    taps = max(e - f for f, e in zip(first, end, strict=True))
    index, weight = np.zeros((out, taps), np.uint32), np.zeros((out, taps), np.float32)
    for i, (f, e) in enumerate(zip(first, end, strict=True)):
        index[i] = np.minimum(np.arange(f, f + taps), e - 1)
        weight[i, : e - f] = 1 / (e - f)
    return index.reshape(-1), weight.reshape(-1), taps


def average_of_channels(b: Builder, x: Tensor, dim: int, kernel: int) -> Tensor:
    """Means of `kernel` neighbours along one dimension, which comes to lie on the channels."""
    x = b.channels_in(x, [dim], ordered=True)
    v = x.value
    out = v.channels - kernel + 1
    weight = np.zeros((out, v.channels), np.float32)
    for i in range(out):
        weight[i, i : i + kernel] = 1 / kernel
    value = b.emit("Conv", [v], (v.batch, out, v.height, v.width), o.ConvOptions(weight=weight))
    return Tensor(value, resize(x.dims, x.dims[dim][0], out))
