"""Activation functions: one Unary operator each, fused into its producer by a pass."""

from __future__ import annotations

import math

from secateur.ir.types import Array
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, number, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


def clip(b: Builder, x: Tensor, low: float, high: float) -> Tensor:
    """``min(max(x, low), high)``"""
    if low == 0 and high == math.inf:
        return b.unary(x, "relu")
    return b.unary(x, "clamp", low, high)


def prelu(b: Builder, x: Tensor, slope: Array) -> Tensor:
    """``x`` where positive, ``slope x`` elsewhere; a slope for all, or for each of dimension 1."""
    slope = slope.reshape(-1)
    if (slope == slope[0]).all():
        return b.unary(x, "leaky_relu", float(slope[0]))
    per_channel = slope.reshape(-1, *[1] * (x.rank - 2))
    below = combine(b, b.unary(x, "clamp", -math.inf, 0), per_channel, "mul")
    assert isinstance(below, Tensor)
    return two_tensors(b, b.unary(x, "relu"), below, "add")


def scaled(b: Builder, x: Tensor, factor: float) -> Tensor:
    return x if factor == 1 else b.binary_constant(x, "mul", number(factor))


def elu(b: Builder, x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    """``scale x`` where positive, ``scale alpha (e^(input_scale x) - 1)`` elsewhere."""
    if input_scale <= 0:
        raise Unsupported(f"an ELU of its input times {input_scale:g}")
    y = b.unary(scaled(b, x, input_scale), "elu", alpha * input_scale)
    return scaled(b, y, scale / input_scale)


def softplus(b: Builder, x: Tensor, beta: float) -> Tensor:
    """``ln(1 + e^(beta x)) / beta``; with beta -1 the logarithm of the sigmoid."""
    return scaled(b, b.unary(scaled(b, x, beta), "softplus"), 1 / beta)


def softshrink(b: Builder, x: Tensor, size: float) -> Tensor:
    """``x`` moved towards 0 by `size`, at most to 0."""
    return two_tensors(b, x, b.unary(x, "clamp", -size, size), "sub")


def sign(b: Builder, x: Tensor) -> Tensor:
    """-1, 0 or 1: the least denormal times 2^100 times 2^100 is above 1."""
    for _ in range(2):
        x = b.unary(scaled(b, x, 2.0**100), "clamp", -1, 1)
    return x


def logit(b: Builder, x: Tensor, epsilon: float | None) -> Tensor:
    """``ln(x / (1 - x))``"""
    if epsilon is not None:
        x = b.unary(x, "clamp", epsilon, 1 - epsilon)
    return b.unary(two_tensors(b, x, b.binary_constant(x, "sub", number(1), True), "div"), "log")
