"""Activation functions: one Unary operator each, fused into its producer by a pass."""

from __future__ import annotations

import math

from secateur.frontend.axes import Tensor
from secateur.frontend.builder import Builder
from secateur.frontend.registry import Args, Unsupported, handles

_PLAIN = {
    "relu.default": "relu",
    "hardswish.default": "hard_swish",
    "hardsigmoid.default": "hard_sigmoid",
    "sigmoid.default": "sigmoid",
    "silu.default": "silu",
    "tanh.default": "tanh",
}


@handles(*_PLAIN)
def plain(b: Builder, a: Args) -> Tensor:
    return b.unary(a.tensor("self"), _PLAIN[a.target])


def clip(b: Builder, x: Tensor, low: float, high: float) -> Tensor:
    if low == 0 and high == math.inf:
        return b.unary(x, "relu")
    return b.unary(x, "clamp", low, high)


@handles("relu6.default")
def relu6(b: Builder, a: Args) -> Tensor:
    return clip(b, a.tensor("self"), 0, 6)


@handles("hardtanh.default")
def hardtanh(b: Builder, a: Args) -> Tensor:
    return clip(b, a.tensor("self"), a.number("min_val"), a.number("max_val"))


@handles("clamp.default", "clamp_min.default", "clamp_max.default", "clip.default")
def clamp(b: Builder, a: Args) -> Tensor:
    low, high = a.get("min"), a.get("max")
    return clip(
        b,
        a.tensor("self"),
        -math.inf if low is None else float(low),
        math.inf if high is None else float(high),
    )


@handles("leaky_relu.default")
def leaky_relu(b: Builder, a: Args) -> Tensor:
    return b.unary(a.tensor("self"), "leaky_relu", a.number("negative_slope"))


@handles("prelu.default", "_prelu_kernel.default")
def prelu(b: Builder, a: Args) -> Tensor:
    slope = b.constant(a.const("weight")).reshape(-1)
    if (slope != slope[0]).any():
        raise Unsupported("a PReLU with a different slope per channel")
    return b.unary(a.tensor("self"), "leaky_relu", float(slope[0]))


@handles("gelu.default")
def gelu(b: Builder, a: Args) -> Tensor:
    return b.unary(a.tensor("self"), "gelu_tanh" if a.get("approximate") == "tanh" else "gelu")
