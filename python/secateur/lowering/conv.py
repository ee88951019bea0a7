"""Convolutions over rows and columns, or over columns alone (conv1d)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from secateur.ir import options as o
from secateur.ir.types import Array
from secateur.lowering.axes import Tensor, physical_index
from secateur.lowering.binary import combine
from secateur.lowering.builder import Builder
from secateur.lowering.rows import product as rows_product
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported

Pads = list[tuple[int, int]]


def same_padding(kernel: Sequence[int], dilation: Sequence[int]) -> Pads:
    """(before, after) per spatial dim that keeps its size at stride 1; the odd one comes after.

    >>> same_padding([4], [1])
    [(1, 2)]
    """
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [(t // 2, t - t // 2) for t in totals]


def convolution(
    b: Builder,
    x: Tensor,
    weight: Array,
    bias: Array | None,
    *,
    stride: list[int],
    pads: Pads,
    dilation: list[int],
    groups: int = 1,
) -> Tensor:
    """``weight`` is [rows, channels / groups, kernel...]; the last dims of x are the spatial ones."""
    spatial_rank = weight.ndim - 2
    if spatial_rank not in (1, 2):
        raise Unsupported(f"{spatial_rank}-dimensional convolutions")
    kernel = list(weight.shape[2:])
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
    filters = weight.reshape(rows, -1, kernel[0] * kernel[1])
    b.note_weight(filters)

    if groups == channels == rows and groups > 1:
        per_channel = np.ascontiguousarray(filters.reshape(rows, kernel[0], kernel[1]))
        options: o.Options = o.DepthwiseOptions(weight=per_channel, bias=bias, **window)
        kind = "Depthwise"
    else:
        options = o.ConvOptions(**window, bias=bias, groups=groups)
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


_MOST_ROWS = 2048  # of a square matrix with one nonzero a row: 16 MB


def pixel_unshuffle(b: Builder, x: Tensor, r: int) -> Tensor:
    """``[C, H*r, W*r] -> [C*r*r, H, W]``"""
    return _windows(b, x, o.ConvOptions(kernel_h=r, kernel_w=r, stride_h=r, stride_w=r))


def unfold(
    b: Builder, x: Tensor, kernel: list[int], dilation: list[int], pad: list[int], stride: list[int]
) -> Tensor:
    """``[C, H, W] -> [C * taps, windows]``"""
    y = _windows(
        b,
        x,
        o.ConvOptions(
            kernel_h=kernel[0],
            kernel_w=kernel[1],
            stride_h=stride[0],
            stride_w=stride[1],
            dilation_h=dilation[0],
            dilation_w=dilation[1],
            pad_top=pad[0],
            pad_left=pad[1],
            pad_bottom=pad[0],
            pad_right=pad[1],
        ),
    )
    return y.with_dims((*y.dims[:-2], (*y.dims[-2], *y.dims[-1])))


def _windows(b: Builder, x: Tensor, options: o.ConvOptions) -> Tensor:
    """Every tap of a window as a channel: a convolution with one nonzero a row; of many channels one with a
    group for each, since its weight, a matrix as it is made, grows with their square otherwise."""
    channel_dim = x.rank - 3
    x = b.on_grid(b.channels_in(x, [channel_dim], ordered=True), [channel_dim + 1, channel_dim + 2])
    taps = options.kernel_h * options.kernel_w
    rows = x.value.channels * taps
    options.groups = 1 if rows <= _MOST_ROWS else x.value.channels
    options.weight = np.tile(np.eye(rows // options.groups, dtype=np.float32), (options.groups, 1))
    b.moves += 1
    value = b.emit("Conv", [x.value], b.window_shape(x.value, rows, options), options)
    return b.on_new_grid(x, value, [channel_dim + 1, channel_dim + 2], channel_dim)


def by_computed_weight(
    b: Builder,
    x: Tensor,
    weight: Tensor,
    bias: Any,
    *,
    stride: list[int],
    pads: Pads,
    dilation: list[int],
    groups: int = 1,
) -> Tensor:
    """A convolution whose weight, [rows, channels / groups, kernel...], is computed: a product with every tap
    of the windows."""
    rank = weight.rank - 2
    if rank not in (1, 2) or x.rank != rank + 2 or any(before != after for before, after in pads):
        raise Unsupported("a computed weight in this form of convolution")
    if rank == 1:
        y = by_computed_weight(
            b,
            x.with_dims((*x.dims[:2], (), x.dims[2])),
            weight.with_dims((*weight.dims[:2], (), weight.dims[2])),
            bias,
            stride=[1, *stride],
            pads=[(0, 0), *pads],
            dilation=[1, *dilation],
            groups=groups,
        )
        return y.with_dims((*y.dims[:2], y.dims[3]))
    kernel = list(weight.shape[2:])
    size = [
        (x.shape[2 + i] + 2 * pads[i][0] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1
        for i in range(2)
    ]
    taps = unfold(b, x, kernel, dilation, [before for before, _ in pads], stride)
    taps = reshape_tensor(b, taps, [x.shape[0], groups, -1, taps.shape[-1]])
    matrix = reshape_tensor(b, weight, [1, groups, weight.shape[0] // groups, -1])
    y = rows_product(b, matrix, taps)
    y = reshape_tensor(b, y, [x.shape[0], weight.shape[0], *size])
    if bias is None:
        return y
    if isinstance(bias, Tensor):
        bias = bias.with_dims(((), *bias.dims, (), ()))
    else:
        bias = bias.reshape(1, -1, 1, 1)
    biased = combine(b, y, bias, "add")
    assert isinstance(biased, Tensor)
    return biased
