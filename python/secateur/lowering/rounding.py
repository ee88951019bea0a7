"""Whole numbers near a computed one, and what a division by one leaves."""

from __future__ import annotations

from typing import Any

from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, negative, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.unary import scaled


def ceil(b: Builder, x: Tensor) -> Tensor:
    return negative(b, b.unary(negative(b, x), "floor"))


def trunc(b: Builder, x: Tensor) -> Tensor:
    """Towards 0: the floor of what is positive, less the floor of what is negative turned round."""
    below = b.unary(b.unary(negative(b, x), "relu"), "floor")
    return two_tensors(b, b.unary(b.unary(x, "relu"), "floor"), below, "sub")


def rounded(b: Builder, x: Tensor, decimals: int) -> Tensor:
    """To so many places behind the point, halves to the even neighbour."""
    factor = 10.0**decimals
    return scaled(b, b.unary(scaled(b, x, factor), "round"), 1 / factor)


def fraction(b: Builder, x: Tensor) -> Tensor:
    """What lies behind the point, with the sign of x."""
    return two_tensors(b, x, trunc(b, x), "sub")


def divided(b: Builder, x: Any, y: Any, *, floor: bool) -> Tensor:
    """``x / y``, either a number or a constant, rounded down or (`floor` false) towards 0."""
    ratio = combine(b, x, y, "div")
    assert isinstance(ratio, Tensor)
    return b.unary(ratio, "floor") if floor else trunc(b, ratio)


def left(b: Builder, x: Any, y: Any, *, floor: bool) -> Tensor:
    """``x - y q``, q the quotient rounded as `divided` has it: the remainder with the sign of y, or of x."""
    whole = combine(b, divided(b, x, y, floor=floor), y, "mul")
    result = combine(b, x, whole, "sub")
    assert isinstance(result, Tensor)
    return result
