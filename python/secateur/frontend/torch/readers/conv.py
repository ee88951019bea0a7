"""Convolutions."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import conv
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


@reads("conv2d.default", "conv2d.padding", "conv1d.default", "conv1d.padding", "convolution.default")
def convolution(b: Builder, a: Args) -> Tensor:
    x, weight = a.tensor("input"), a.const("weight")
    if a.get("transposed"):
        raise Unsupported("transposed convolutions")
    kernel = list(weight.shape[2:])
    dilation = a.ints("dilation", len(kernel))
    padding = a.get("padding")
    if padding == "same":
        pads = conv.same_padding(kernel, dilation)
    else:
        pads = [(p, p) for p in ([0] * len(kernel) if padding == "valid" else a.ints("padding", len(kernel)))]
    return conv.convolution(
        b,
        x,
        weight,
        a.maybe_const("bias"),
        stride=a.ints("stride", len(kernel)),
        pads=pads,
        dilation=dilation,
        groups=int(a.get("groups", 1)),
    )


@reads("pixel_unshuffle.default")
def pixel_unshuffle(b: Builder, a: Args) -> Tensor:
    return conv.pixel_unshuffle(b, a.tensor("self"), int(a.get("downscale_factor")))
