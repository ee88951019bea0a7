"""Convolutions."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import conv, transposed, volume
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder


@reads(
    *(f"conv{rank}d.{overload}" for rank in (1, 2, 3) for overload in ("default", "padding")),
    "convolution.default",
)
def convolution(b: Builder, a: Args) -> Tensor:
    if a.get("transposed"):
        return _transposed(b, a)
    x, weight = a.tensor("input"), a.tensor("weight") if a.computed("weight") else a.const("weight")
    kernel = list(weight.shape[2:])
    dilation = a.ints("dilation", len(kernel))
    padding = a.get("padding")
    if padding == "same":
        pads = conv.same_padding(kernel, dilation)
    else:
        pads = [(p, p) for p in ([0] * len(kernel) if padding == "valid" else a.ints("padding", len(kernel)))]
    stride, groups = a.ints("stride", len(kernel)), int(a.get("groups", 1))
    if isinstance(weight, Tensor):
        return conv.by_computed_weight(
            b, x, weight, a.get("bias"), stride=stride, pads=pads, dilation=dilation, groups=groups
        )
    lower = volume.convolution if len(kernel) == 3 else conv.convolution
    return lower(
        b, x, weight, a.maybe_const("bias"), stride=stride, pads=pads, dilation=dilation, groups=groups
    )


@reads("conv_transpose2d.input", "conv_transpose1d.default", "conv_transpose3d.input")
def transposed_convolution(b: Builder, a: Args) -> Tensor:
    return _transposed(b, a)


def _transposed(b: Builder, a: Args) -> Tensor:
    weight = a.const("weight")
    rank = weight.ndim - 2
    return transposed.transposed_convolution(
        b,
        a.tensor("input"),
        weight,
        a.maybe_const("bias"),
        stride=a.ints("stride", rank),
        padding=a.ints("padding", rank),
        output_padding=a.ints("output_padding", rank),
        dilation=a.ints("dilation", rank),
        groups=int(a.get("groups", 1)),
    )


@reads("pixel_unshuffle.default")
def pixel_unshuffle(b: Builder, a: Args) -> Tensor:
    return conv.pixel_unshuffle(b, a.tensor("self"), int(a.get("downscale_factor")))


@reads("im2col.default")
def unfold(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    sizes = (a.ints(name, 2) for name in ("kernel_size", "dilation", "padding", "stride"))
    return conv.unfold(b, x, *sizes)


@reads("col2im.default")
def fold(b: Builder, a: Args) -> Tensor:
    names = ("output_size", "kernel_size", "dilation", "padding", "stride")
    return transposed.fold(b, a.tensor("self"), *(a.ints(name, 2) for name in names))
