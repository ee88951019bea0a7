"""Activation functions."""

from __future__ import annotations

import math

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import unary
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder

_PLAIN = {
    "relu.default": "relu",
    "hardswish.default": "hard_swish",
    "hardsigmoid.default": "hard_sigmoid",
    "sigmoid.default": "sigmoid",
    "silu.default": "silu",
    "tanh.default": "tanh",
}


@reads(*_PLAIN)
def plain(b: Builder, a: Args) -> Tensor:
    return b.unary(a.tensor("self"), _PLAIN[a.target])


@reads("relu6.default")
def relu6(b: Builder, a: Args) -> Tensor:
    return unary.clip(b, a.tensor("self"), 0, 6)


@reads("hardtanh.default")
def hardtanh(b: Builder, a: Args) -> Tensor:
    return unary.clip(b, a.tensor("self"), a.number("min_val"), a.number("max_val"))


@reads("clamp.default", "clamp_min.default", "clamp_max.default", "clip.default")
def clamp(b: Builder, a: Args) -> Tensor:
    low, high = a.get("min"), a.get("max")
    return unary.clip(
        b,
        a.tensor("self"),
        -math.inf if low is None else float(low),
        math.inf if high is None else float(high),
    )


@reads("leaky_relu.default")
def leaky_relu(b: Builder, a: Args) -> Tensor:
    return b.unary(a.tensor("self"), "leaky_relu", a.number("negative_slope"))


@reads("prelu.default", "_prelu_kernel.default")
def prelu(b: Builder, a: Args) -> Tensor:
    return unary.prelu(b, a.tensor("self"), a.const("weight"))


@reads("gelu.default")
def gelu(b: Builder, a: Args) -> Tensor:
    return b.unary(a.tensor("self"), "gelu_tanh" if a.get("approximate") == "tanh" else "gelu")
