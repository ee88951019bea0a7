"""Convolutions over rows and columns, or over columns alone (conv1d)."""

from __future__ import annotations

import numpy as np

from secateur.frontend.axes import Tensor, physical_index
from secateur.frontend.builder import Builder
from secateur.frontend.registry import Args, Unsupported, handles
from secateur.ir import options as o
from secateur.ir.types import Array


def _pads(padding: object, kernel: list[int], dilation: list[int]) -> list[tuple[int, int]]:
    """(before, after) per spatial dim; 'same' puts the odd one after."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(t // 2, t - t // 2) for t in totals]
    sizes = [padding] if isinstance(padding, int) else list(padding)  # type: ignore[call-overload]
    sizes = sizes * len(kernel) if len(sizes) == 1 else sizes
    return [(p, p) for p in sizes]


@handles("conv2d.default", "conv2d.padding", "conv1d.default", "conv1d.padding", "convolution.default")
def convolution(b: Builder, a: Args) -> Tensor:
    x, weight = a.tensor("input"), a.const("weight")
    spatial_rank = weight.dim() - 2
    if spatial_rank not in (1, 2):
        raise Unsupported(f"{spatial_rank}-dimensional convolutions")
    if a.get("transposed"):
        raise Unsupported("transposed convolutions")
    groups = int(a.get("groups", 1))
    kernel = list(weight.shape[2:])
    stride, dilation = a.ints("stride", spatial_rank), a.ints("dilation", spatial_rank)
    pads = _pads(a.get("padding"), kernel, dilation)
    if spatial_rank == 1:
        kernel, stride, dilation, pads = [1, *kernel], [1, *stride], [1, *dilation], [(0, 0), *pads]
    window = {
        "kernel_h": kernel[0],
        "kernel_w": kernel[1],
        "stride_h": stride[0],
        "stride_w": stride[1],
        "dilation_h": dilation[0],
        "dilation_w": dilation[1],
        "pad_top": pads[0][0],
        "pad_bottom": pads[0][1],
        "pad_left": pads[1][0],
        "pad_right": pads[1][1],
    }

    channel_dim = x.rank - spatial_rank - 1
    spatial = list(range(channel_dim + 1, x.rank))
    x = b.channels_in(x, [channel_dim], ordered=groups > 1)
    x = b.on_grid(x, spatial)
    rows, channels = weight.shape[0], x.value.channels
    filters = b.constant(weight).reshape(rows, -1, kernel[0] * kernel[1])
    bias_tensor = a.maybe_const("bias")
    bias = None if bias_tensor is None else b.constant(bias_tensor)
    b.note_weight(filters)

    if groups == channels == rows and groups > 1:
        per_channel = np.ascontiguousarray(filters.reshape(rows, kernel[0], kernel[1]))
        options: o.Options = o.DepthwiseOptions(weight=per_channel, bias=bias, **window)
        kind = "Depthwise"
    else:
        options = o.ConvOptions(**window, bias=bias, groups=groups)  # type: ignore[arg-type]
        options.weight = _matrix(filters, x, channel_dim, groups)
        kind = "Conv"
    assert isinstance(options, o.WindowOptions)
    value = b.emit(kind, [x.value], b.window_shape(x.value, rows, options), options)
    return b.on_new_grid(x, value, spatial, channel_dim)


def _matrix(filters: Array, x: Tensor, channel_dim: int, groups: int) -> Array:
    """[rows, channels, taps] -> [rows, channels * taps], columns in the order that x stores its channels."""
    order = physical_index(x.dims[channel_dim])
    if groups == 1 and np.any(order != np.arange(order.size)):
        permuted = np.empty_like(filters)
        permuted[:, order] = filters
        filters = permuted
    return np.ascontiguousarray(filters.reshape(filters.shape[0], -1))


@handles("pixel_unshuffle.default")
def pixel_unshuffle(b: Builder, a: Args) -> Tensor:
    """``[C, H*r, W*r] -> [C*r*r, H, W]``: a strided convolution with one nonzero a row."""
    x, r = a.tensor("self"), int(a.get("downscale_factor"))
    channel_dim = x.rank - 3
    x = b.on_grid(b.channels_in(x, [channel_dim], ordered=True), [channel_dim + 1, channel_dim + 2])
    channels = x.value.channels
    weight = np.eye(channels * r * r, dtype=np.float32)
    options = o.ConvOptions(weight=weight, kernel_h=r, kernel_w=r, stride_h=r, stride_w=r)
    b.moves += 1
    value = b.emit("Conv", [x.value], b.window_shape(x.value, channels * r * r, options), options)
    return b.on_new_grid(x, value, [channel_dim + 1, channel_dim + 2], channel_dim)
