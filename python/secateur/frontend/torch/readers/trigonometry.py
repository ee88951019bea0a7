"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import trigonometry as lowering
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder

_FUNCTIONS = {
    f"{name}.default": getattr(lowering, name) for name in ("tan", "asin", "acos", "asinh", "acosh", "atanh")
}


@reads(*_FUNCTIONS)
def function(b: Builder, a: Args) -> Tensor:
    result: Tensor = _FUNCTIONS[a.target](b, a.tensor("self"))
    return result


@reads("sinh.default", "cosh.default")
def hyperbolic(b: Builder, a: Args) -> Tensor:
    return lowering.hyperbolic(b, a.tensor("self"), "sub" if a.target == "sinh.default" else "add")


@reads("atan2.default")
def atan2(b: Builder, a: Args) -> Tensor:
    return lowering.atan2(b, a.get("self"), a.get("other"))
