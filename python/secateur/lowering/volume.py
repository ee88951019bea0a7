"""Convolutions and pooling over three dimensions: the first one unrolled, its taps side by side.

Each step along the depth becomes an image of a batch; a convolution's depth taps are more channels of it, a
pool's are combined before the windows of the image. What planes and axis maps say of images then holds.
"""

from __future__ import annotations

import math

import numpy as np

from secateur.ir.types import Array
from secateur.lowering import conv, pool
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import number, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.join import join
from secateur.lowering.linear import contract
from secateur.lowering.pad import pad_dims
from secateur.lowering.resample import matrix
from secateur.lowering.select import take
from secateur.lowering.shape import permute, reshape_tensor
from secateur.lowering.unsupported import Unsupported

_DEPTH = 2


def _taps(
    b: Builder, x: Tensor, kernel: int, stride: int, pad: tuple[int, int], dilation: int, fill: float
) -> list[Tensor]:
    """For each tap along the depth what it reads, [B, C, depth of the output, H, W]."""
    if any(pad):
        x = pad_dims(b, x, {_DEPTH: pad}, fill)
    out = (x.shape[_DEPTH] - dilation * (kernel - 1) - 1) // stride + 1
    if out < 1:
        raise Unsupported(f"a window of {kernel} over a depth of {x.shape[_DEPTH]}")
    return [take(b, x, _DEPTH, t * dilation, out, stride) for t in range(kernel)]


def _images(b: Builder, x: Tensor) -> Tensor:
    """[B, C, D, H, W] as [B * D, C, H, W]"""
    batch, channels, depth, height, width = x.shape
    return reshape_tensor(b, permute(x, [0, 2, 1, 3, 4]), [batch * depth, channels, height, width])


def _volumes(b: Builder, x: Tensor, batch: int) -> Tensor:
    """The way back."""
    images, channels, height, width = x.shape
    y = reshape_tensor(b, x, [batch, images // batch, channels, height, width])
    return permute(y, [0, 2, 1, 3, 4])


def convolution(
    b: Builder,
    x: Tensor,
    weight: Array,
    bias: Array | None,
    *,
    stride: list[int],
    pads: conv.Pads,
    dilation: list[int],
    groups: int = 1,
) -> Tensor:
    """``weight`` is [rows, channels / groups, depth, height, width]; x [B, C, D, H, W]."""
    if x.rank != 5:
        raise Unsupported(f"a 3-D convolution of {x.rank} dimensions")
    kernel = weight.shape[2]
    taps = _taps(b, x, kernel, stride[0], pads[0], dilation[0], 0.0)
    by_group = weight.swapaxes(1, 2)  # taps outermost, as they stand side by side
    if groups > 1:  # within a group: its channels of each tap
        taps = [reshape_tensor(b, t, [t.shape[0], groups, -1, *t.shape[2:]]) for t in taps]
        joined = join(b, taps, 2)
        joined = reshape_tensor(b, joined, [joined.shape[0], -1, *joined.shape[3:]])
    else:
        joined = join(b, taps, 1)
    y = conv.convolution(
        b,
        _images(b, joined),
        np.ascontiguousarray(by_group.reshape(weight.shape[0], -1, *weight.shape[3:])),
        bias,
        stride=stride[1:],
        pads=pads[1:],
        dilation=dilation[1:],
        groups=groups,
    )
    return _volumes(b, y, x.shape[0])


def adaptive_average(b: Builder, x: Tensor, sizes: list[int]) -> Tensor:
    """[B, C, D, H, W] to these depths, rows and columns: along the depth sums of images, then images."""
    if x.rank != 5:
        raise Unsupported(f"3-D pooling of {x.rank} dimensions")
    depth = x.shape[_DEPTH]
    if sizes[0] != depth:
        means = matrix(pool.mean_table(depth, sizes[0]), depth)
        flat = reshape_tensor(b, x, [*x.shape[:3], -1])
        x = reshape_tensor(b, contract(b, flat, _DEPTH, means, None), [*x.shape[:2], sizes[0], *x.shape[3:]])
    return _volumes(b, pool.adaptive_pool(b, _images(b, x), "mean", sizes[1:]), x.shape[0])


def pooling(
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
) -> Tensor:
    """Windows over the last three of [B, C, D, H, W]; kind is max or average."""
    spread = dilation or [1, 1, 1]
    if x.rank != 5:
        raise Unsupported(f"3-D pooling of {x.rank} dimensions")
    if kind == "average" and pad[0] and not count_pad:
        raise Unsupported("3-D average pooling that leaves padding out of its means")
    reach = spread[0] * (kernel[0] - 1) + 1
    if ceil and (x.shape[_DEPTH] + 2 * pad[0] - reach) % stride[0]:
        raise Unsupported("3-D pooling whose last window reaches beyond the depth")
    fill = -math.inf if kind == "max" else 0.0
    taps = _taps(b, x, kernel[0], stride[0], (pad[0], pad[0]), spread[0], fill)
    y = taps[0]
    for tap in taps[1:]:
        y = two_tensors(b, y, tap, "max" if kind == "max" else "add")
    if kind == "average" and kernel[0] > 1:
        y = b.binary_constant(y, "mul", number(1 / kernel[0]))
    images = pool.pool(
        b,
        _images(b, y),
        kind,
        kernel=kernel[1:],
        stride=stride[1:],
        pad=pad[1:],
        ceil=ceil,
        count_pad=count_pad,
        dilation=spread[1:],
    )
    return _volumes(b, images, x.shape[0])
