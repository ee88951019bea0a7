"""Pooling over windows."""

from __future__ import annotations

import math

from secateur.ir import options as o
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce, tiling
from secateur.lowering.unsupported import Unsupported


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
) -> Tensor:
    """Windows over the last dimensions; kind is max or average, `count_pad` lets padding into averages."""
    spatial_rank = len(kernel)
    channel = x.rank - spatial_rank - 1
    spatial = list(range(channel + 1, x.rank))
    x = b.on_grid(b.channels_in(x, [channel]), spatial)
    if spatial_rank == 1:
        kernel, stride, pad = [1, *kernel], [1, *stride], [0, *pad]
    if kind == "average" and count_pad and any(pad):
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
        raise Unsupported(f"adaptive pooling from {have} to {want}, which does not divide it")
    kernel = [h // w for h, w in zip(have, want, strict=True)]
    options = tiling(kernel[0], kernel[1], kind)
    value = b.emit("Pool", [x.value], b.window_shape(x.value, x.value.channels, options), options)
    return b.on_new_grid(x, value, spatial, None)
