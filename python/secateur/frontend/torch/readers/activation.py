"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import unary
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported

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


@reads("clamp.Tensor", "clip.Tensor", "clamp_min.Tensor", "clamp_max.Tensor")
def clamp_by_tensors(b: Builder, a: Args) -> Any:
    """Bounds for each element, or one for all; any of the three may be computed."""
    bounds = [a.get(name) for name in ("min", "max")]
    limits = [
        limit.item() if isinstance(limit, np.ndarray) and limit.size == 1 else limit for limit in bounds
    ]
    if a.computed("self") and all(limit is None or isinstance(limit, float) for limit in limits):
        low, high = (o if v is None else v for v, o in zip(limits, (-math.inf, math.inf), strict=True))
        return unary.clip(b, a.tensor("self"), low, high)
    y = a.get("self")
    for bound, kind in zip(bounds, ("max", "min"), strict=True):
        if bound is not None:
            both = isinstance(y, np.ndarray) and isinstance(bound, np.ndarray)
            y = getattr(np, f"{kind}imum")(y, bound) if both else combine(b, y, bound, kind)
    return y


@reads("leaky_relu.default")
def leaky_relu(b: Builder, a: Args) -> Tensor:
    return b.unary(a.tensor("self"), "leaky_relu", a.number("negative_slope"))


@reads("rrelu.default")
def rrelu(b: Builder, a: Args) -> Tensor:
    """At inference the mean of its slopes."""
    if a.get("training"):
        raise Unsupported("random slopes: call model.eval() before exporting")
    return b.unary(a.tensor("self"), "leaky_relu", (a.number("lower") + a.number("upper")) / 2)


@reads("prelu.default", "_prelu_kernel.default")
def prelu(b: Builder, a: Args) -> Tensor:
    return unary.prelu(b, a.tensor("self"), a.const("weight"))


@reads("gelu.default")
def gelu(b: Builder, a: Args) -> Tensor:
    return b.unary(a.tensor("self"), "gelu_tanh" if a.get("approximate") == "tanh" else "gelu")
