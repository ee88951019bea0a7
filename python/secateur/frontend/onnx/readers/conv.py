"""Convolutions."""

from __future__ import annotations

from secateur.frontend.onnx.readers.windows import kernel_of, pads_of
from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import conv, transposed, volume
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder


@reads("Conv")
def convolution(b: Builder, a: Args) -> Tensor:
    x, weight = a.floats(), a.const(1)
    rank = weight.ndim - 2
    ones = [1] * rank
    stride, dilation = a.ints("strides", ones) or ones, a.ints("dilations", ones) or ones
    kernel = kernel_of(a, weight.shape[2:])
    lower = volume.convolution if rank == 3 else conv.convolution
    return lower(
        b,
        x,
        weight,
        a.maybe_const(2),
        stride=stride,
        pads=pads_of(a, x.shape[2:], kernel, stride, dilation),
        dilation=dilation,
        groups=a.integer("group", 1),
    )


@reads("ConvTranspose")
def transposed_convolution(b: Builder, a: Args) -> Tensor:
    x, weight = a.floats(), a.const(1)
    rank = weight.ndim - 2
    ones = [1] * rank
    stride, dilation = a.ints("strides", ones) or ones, a.ints("dilations", ones) or ones
    extra = a.ints("output_padding", [0] * rank) or []
    kernel, sizes = weight.shape[2:], x.shape[2:]
    wanted = a.ints("output_shape")
    full = [
        (n - 1) * s + d * (k - 1) + 1 + e
        for n, s, d, k, e in zip(sizes, stride, dilation, kernel, extra, strict=True)
    ]
    mode = a.text("auto_pad", "NOTSET")
    if wanted is not None or mode.startswith("SAME"):
        wanted = [n * s for n, s in zip(sizes, stride, strict=True)] if wanted is None else wanted[-rank:]
        totals = [f - w for f, w in zip(full, wanted, strict=True)]
        halves = [t // 2 if mode == "SAME_UPPER" else t - t // 2 for t in totals]
        pads = [(half, t - half) for half, t in zip(halves, totals, strict=True)]
    else:
        pads = pads_of(a, sizes, kernel, stride, dilation)
    return transposed.transposed_convolution(
        b,
        x,
        weight,
        a.maybe_const(2),
        stride=stride,
        padding=[before for before, _ in pads],
        output_padding=[e + before - after for e, (before, after) in zip(extra, pads, strict=True)],
        dilation=dilation,
        groups=a.integer("group", 1),
    )
