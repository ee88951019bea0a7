"""Transposed convolutions, as one convolution and a rearrangement.

With stride s, the output at s q + a takes the taps k whose place k d is a modulo s, from the inputs
q - (k d) // s: an ordinary convolution with a small filter for each of the s phases a. All phases are the
channels of one convolution; putting them beside each other is a permutation, and the padding a crop. Taps
that a phase does not have are zeros, and pruned ones stay zeros.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from secateur.ir.types import Array
from secateur.lowering import volume
from secateur.lowering.axes import Atom, Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.conv import Pads, convolution
from secateur.lowering.select import take
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported


def phases(weight: Array, stride: Sequence[int], dilation: Sequence[int], groups: int) -> Array:
    """``[inputs, outputs / groups, kernel...]`` to ``[outputs * phases, inputs / groups, taps...]``.

    >>> phases(np.float32([[[1, 2, 3]]]), [2], [1], 1).tolist()
    [[[3.0, 1.0]], [[0.0, 2.0]]]
    """
    kernel = weight.shape[2:]
    inputs, outputs = weight.shape[0] // groups, weight.shape[1]
    last = [d * (k - 1) // s for k, s, d in zip(kernel, stride, dilation, strict=True)]
    by_group = weight.reshape(groups, inputs, outputs, *kernel).swapaxes(1, 2)
    out = np.zeros((groups, outputs, *stride, inputs, *(m + 1 for m in last)), np.float32)
    for tap in itertools.product(*map(range, kernel)):
        place = [t * d for t, d in zip(tap, dilation, strict=True)]
        phase = tuple(p % s for p, s in zip(place, stride, strict=True))
        at = tuple(m - p // s for m, p, s in zip(last, place, stride, strict=True))
        to = (slice(None), slice(None), *phase, slice(None), *at)
        source = (Ellipsis, *tap)
        out[to] = by_group[source]
    return out.reshape(-1, inputs, *(m + 1 for m in last))


def transposed_convolution(
    b: Builder,
    x: Tensor,
    weight: Array,
    bias: Array | None,
    *,
    stride: list[int],
    padding: list[int],
    output_padding: list[int],
    dilation: list[int],
    groups: int = 1,
) -> Tensor:
    """``weight`` is [channels, outputs / groups, kernel...]; the last dims of x are the spatial ones."""
    kernel = weight.shape[2:]
    rank = len(kernel)
    spatial = list(range(x.rank - rank, x.rank))
    length, first, pads = [], [], Pads()
    for i, d in enumerate(spatial):
        s, p, reach = stride[i], padding[i], dilation[i] * (kernel[i] - 1)
        length.append((x.shape[d] - 1) * s - 2 * p + reach + output_padding[i] + 1)
        if length[i] < 1:
            raise Unsupported(f"a transposed convolution whose output has {length[i]} elements along {d}")
        first.append(min(p // s, reach // s))
        pads.append((reach // s - first[i], max(0, (p + length[i] - 1) // s - x.shape[d] + 1)))
    taps, spread = phases(weight, stride, dilation, groups), [1] * rank
    if max(stride) == 1:  # the filter turned round, its holes kept as a dilation
        outputs = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
        taps = np.flip(outputs.reshape(-1, *outputs.shape[2:]), tuple(range(2, 2 + rank)))
        spread = dilation
    count = int(np.prod(stride))
    shifts = None if bias is None else np.repeat(bias, count)
    convolve = volume.convolution if rank == 3 else convolution
    z = convolve(
        b,
        x,
        np.ascontiguousarray(taps),
        shifts,
        stride=[1] * rank,
        pads=pads,
        dilation=spread,
        groups=groups,
    )
    if count > 1:
        z = _side_by_side(b, z, stride)
    for i, d in enumerate(spatial):
        z = take(b, z, d, padding[i] - first[i] * stride[i], length[i])
    return z


def _side_by_side(b: Builder, z: Tensor, stride: Sequence[int]) -> Tensor:
    """``[outputs * phases, Q...] -> [outputs, Q * stride...]``: the phases among the positions."""
    channel = z.rank - len(stride) - 1
    if len(stride) == 3:
        apart = reshape_tensor(b, z, [*z.shape[:channel], -1, *stride, *z.shape[channel + 1 :]])
        made = apart.dims[: channel + 1]
        pairs = zip(apart.dims[channel + 4 :], apart.dims[channel + 1 : channel + 4], strict=True)
        return apart.with_dims((*made, *((*positions, *phase) for positions, phase in pairs)))
    inner = int(np.prod(stride))
    dims = list(z.dims)
    dims[channel] = (Atom("C", z.value.channels // inner, inner),)
    for i, s in enumerate(stride):
        inner //= s
        dims[channel + 1 + i] = (*dims[channel + 1 + i], Atom("C", s, inner))
    return b.relay(z.with_dims(dims), "B" * channel + "C" + "P" * len(stride), "phases among positions")


def fold(
    b: Builder,
    x: Tensor,
    size: list[int],
    kernel: list[int],
    dilation: list[int],
    padding: list[int],
    stride: list[int],
) -> Tensor:
    """``[B, C * taps, windows] -> [B, C, *size]``, windows that overlap summed: what undoes an unfolding.

    A transposed convolution of each channel by itself, whose filters are one tap each.
    """
    taps = kernel[0] * kernel[1]
    channels = x.shape[-2] // taps
    windows = [
        (out + 2 * p - d * (k - 1) - 1) // s + 1
        for out, p, d, k, s in zip(size, padding, dilation, kernel, stride, strict=True)
    ]
    left = [
        out - ((n - 1) * s - 2 * p + d * (k - 1) + 1)
        for out, n, p, d, k, s in zip(size, windows, padding, dilation, kernel, stride, strict=True)
    ]
    weight = np.tile(np.eye(taps, dtype=np.float32), (channels, 1)).reshape(-1, 1, *kernel)
    images = reshape_tensor(b, x, [*x.shape[:-1], *windows])
    return transposed_convolution(
        b,
        images,
        weight,
        None,
        stride=stride,
        padding=padding,
        output_padding=left,
        dilation=dilation,
        groups=channels,
    )
