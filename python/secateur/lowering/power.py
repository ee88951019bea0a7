"""Powers with a constant exponent or a constant base."""

from __future__ import annotations

import math

from secateur.lowering.axes import Tensor
from secateur.lowering.binary import number, reciprocal, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported

_MOST_PRODUCTS = 1 << 10  # by squaring: 20 of them


def power(b: Builder, x: Tensor, exponent: float) -> Tensor:
    """``x ** exponent``: products, roots, or ``e^(exponent ln x)``, which is NaN below 0 as it should be."""
    if exponent < 0 and exponent != -0.5:
        return reciprocal(b, power(b, x, -exponent))
    if exponent in (0.5, -0.5):
        return b.unary(x, "sqrt" if exponent > 0 else "rsqrt")
    if exponent == int(exponent):
        if exponent == 0:
            return b.unary(b.binary_constant(x, "mul", number(0)), "exp")
        if exponent > _MOST_PRODUCTS:
            raise Unsupported(f"the power {exponent:g}")
        return _products(b, x, int(exponent))
    logarithm = b.unary(x, "log")
    return b.unary(b.binary_constant(logarithm, "mul", number(exponent)), "exp")


def _products(b: Builder, x: Tensor, exponent: int) -> Tensor:
    """By squaring."""
    result: Tensor | None = None
    while exponent:
        if exponent & 1:
            result = x if result is None else two_tensors(b, result, x, "mul")
        exponent >>= 1
        if exponent:
            x = two_tensors(b, x, x, "mul")
    assert result is not None
    return result


def exponential(b: Builder, base: float, x: Tensor) -> Tensor:
    """``base ** x``"""
    if base <= 0:
        raise Unsupported(f"powers of {base:g}")
    return b.unary(b.binary_constant(x, "mul", number(math.log(base))), "exp")
