"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import trigonometry as lowering
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder

_FUNCTIONS = {
    name.capitalize(): getattr(lowering, name) for name in ("tan", "asin", "acos", "asinh", "acosh", "atanh")
}


@reads(*_FUNCTIONS)
def function(b: Builder, a: Args) -> Tensor:
    result: Tensor = _FUNCTIONS[a.op](b, a.floats())
    return result


@reads("Sinh", "Cosh")
def hyperbolic(b: Builder, a: Args) -> Tensor:
    return lowering.hyperbolic(b, a.floats(), "sub" if a.op == "Sinh" else "add")


@reads("Atan")
def atan(b: Builder, a: Args) -> Tensor:
    return b.unary(a.floats(), "atan")
