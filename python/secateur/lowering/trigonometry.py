"""Trigonometric and hyperbolic functions and their inverses, of sine, cosine, arctangent, e^x and ln."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, negative, number, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.choose import choose
from secateur.lowering.integers import compare, select
from secateur.lowering.unary import scaled, sign


def tan(b: Builder, x: Tensor) -> Tensor:
    return two_tensors(b, b.unary(x, "sin"), b.unary(x, "cos"), "div")


def _one_less_and_more(b: Builder, x: Tensor) -> tuple[Tensor, Tensor]:
    """``1 - x`` and ``1 + x``"""
    return b.binary_constant(x, "sub", number(1), True), b.binary_constant(x, "add", number(1))


def asin(b: Builder, x: Tensor) -> Tensor:
    """``atan(x / sqrt(1 - x^2))``"""
    below = b.unary(two_tensors(b, *_one_less_and_more(b, x), "mul"), "sqrt")
    return b.unary(two_tensors(b, x, below, "div"), "atan")


def acos(b: Builder, x: Tensor) -> Tensor:
    """``2 atan(sqrt((1 - x) / (1 + x)))``: nothing is lost near 1."""
    ratio = two_tensors(b, *_one_less_and_more(b, x), "div")
    return scaled(b, b.unary(b.unary(ratio, "sqrt"), "atan"), 2)


def hyperbolic(b: Builder, x: Tensor, kind: str) -> Tensor:
    """``(e^x + e^-x) / 2`` (kind: add) or ``(e^x - e^-x) / 2`` (sub)"""
    both = two_tensors(b, b.unary(x, "exp"), b.unary(negative(b, x), "exp"), kind)
    return scaled(b, both, 0.5)


def asinh(b: Builder, x: Tensor) -> Tensor:
    """``ln(|x| + sqrt(x^2 + 1))`` with the sign of x"""
    root = b.unary(b.binary_constant(two_tensors(b, x, x, "mul"), "add", number(1)), "sqrt")
    size = b.unary(two_tensors(b, b.unary(x, "abs"), root, "add"), "log")
    return two_tensors(b, size, sign(b, x), "mul")


def acosh(b: Builder, x: Tensor) -> Tensor:
    """``ln(x + sqrt(x^2 - 1))``"""
    root = b.unary(b.binary_constant(two_tensors(b, x, x, "mul"), "sub", number(1)), "sqrt")
    return b.unary(two_tensors(b, x, root, "add"), "log")


def atanh(b: Builder, x: Tensor) -> Tensor:
    """``ln((1 + x) / (1 - x)) / 2``"""
    less, more = _one_less_and_more(b, x)
    return scaled(b, b.unary(two_tensors(b, more, less, "div"), "log"), 0.5)


def atan2(b: Builder, y: Any, x: Any) -> Tensor:
    """The angle of (x, y); either may be a constant. Of the lesser by the greater of their sizes, so that
    nothing overflows; zeros have no sign, and the angle of (0, 0) is 0."""
    across, up = (b.unary(v, "abs") if isinstance(v, Tensor) else abs(v) for v in (x, y))
    greater = _arithmetic(b, across, up, "max")
    least = b.binary_constant(greater, "max", number(2.0**-126))
    angle = b.unary(_arithmetic(b, _arithmetic(b, across, up, "min"), least, "div"), "atan")
    steep = compare(b, up, across, "gt", whole=False)
    angle = select(b, steep, b.binary_constant(angle, "sub", number(math.pi / 2), True), angle)
    for value, half_turn in ((x, math.pi), (y, 0)):
        turned = b.binary_constant(angle, "sub", number(half_turn), True)
        if isinstance(value, Tensor):
            angle = select(b, compare(b, 0.0, value, "gt", whole=False), turned, angle)
        else:
            angle = choose(b, np.asarray(value) < 0, turned, angle)
    return angle


def _arithmetic(b: Builder, x: Any, y: Any, kind: str) -> Tensor:
    result = combine(b, x, y, kind)
    assert isinstance(result, Tensor)
    return result
