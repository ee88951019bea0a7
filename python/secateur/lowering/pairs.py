"""Functions of two numbers, of which either may be a constant or a number of Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from secateur.lowering import unary
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, negative, number, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.integers import compare, opposite, select

_LEAST = 2.0**-149  # the least float above 0: its logarithm stands for that of 0


def arithmetic(b: Builder, x: Any, y: Any, kind: str) -> Tensor:
    result = combine(b, x, y, kind)
    assert isinstance(result, Tensor)
    return result


def of_one(b: Builder, x: Any, kind: str) -> Any:
    """A function of Unary's or NumPy's, of a computed tensor or a constant."""
    return b.unary(x, kind) if isinstance(x, Tensor) else getattr(np, kind)(x)


def hypotenuse(b: Builder, x: Any, y: Any) -> Tensor:
    """``sqrt(x^2 + y^2)``: of the greater size g and the lesser l, ``g sqrt(1 + (l/g)^2)``, so that nothing
    overflows."""
    across, up = of_one(b, x, "abs"), of_one(b, y, "abs")
    greater = arithmetic(b, across, up, "max")
    ratio = arithmetic(
        b, arithmetic(b, across, up, "min"), b.binary_constant(greater, "max", number(2.0**-126)), "div"
    )
    root = b.unary(b.binary_constant(two_tensors(b, ratio, ratio, "mul"), "add", number(1)), "sqrt")
    return two_tensors(b, greater, root, "mul")


def log_add_exp(b: Builder, x: Any, y: Any) -> Tensor:
    """``ln(e^x + e^y)`` = the larger one, and ``ln(1 + e^-|x - y|)`` more."""
    most, off = arithmetic(b, x, y, "max"), arithmetic(b, x, y, "sub")
    more = unary.softplus(b, negative(b, b.unary(off, "abs")), 1.0)
    return two_tensors(b, most, more, "add")


def log_add_exp2(b: Builder, x: Any, y: Any) -> Tensor:
    """The same to the base 2."""
    scaled = (
        arithmetic(b, v, math.log(2), "mul") if isinstance(v, Tensor) else v * math.log(2) for v in (x, y)
    )
    return unary.scaled(b, log_add_exp(b, *scaled), 1 / math.log(2))


def with_sign(b: Builder, x: Any, y: Any) -> Tensor:
    """The size of x with the sign of y; that of 0 is positive."""
    if isinstance(y, Tensor):
        signs: Any = select(b, compare(b, 0.0, y, "gt", whole=False), -1.0, 1.0)
    else:
        signs = np.copysign(np.float32(1), y)
    return arithmetic(b, of_one(b, x, "abs"), signs, "mul")


def step(b: Builder, x: Any, at_zero: Any) -> Tensor:
    """0 below 0, 1 above, and `at_zero` there."""
    if not isinstance(x, Tensor):
        x = np.asarray(x)
        return arithmetic(b, arithmetic(b, at_zero, x == 0, "mul"), x > 0, "add")
    zero = compare(b, x, 0.0, "eq", whole=False)
    return arithmetic(b, arithmetic(b, zero, at_zero, "mul"), compare(b, x, 0.0, "gt", whole=False), "add")


def x_log_y(b: Builder, x: Any, y: Any) -> Tensor:
    """``x ln y``, 0 where x is 0 and y is not below 0."""
    low = arithmetic(b, y, _LEAST, "max") if isinstance(y, Tensor) else np.maximum(y, np.float32(_LEAST))
    return arithmetic(b, x, of_one(b, low, "log"), "mul")


def entropy(b: Builder, x: Tensor) -> Tensor:
    """``-x ln x``, 0 at 0."""
    return negative(b, x_log_y(b, x, x))


def power(b: Builder, x: Any, exponent: Any) -> Tensor:
    """``x ** exponent``, of which at least one is computed.

    ``e^(exponent ln |x|)``; below 0 with the sign that whole exponents give, and NaN for others. What stands
    for the logarithm of 0 is below -103, so that powers from 1 on are 0 there, and the power 0 is 1.
    """
    if not isinstance(x, Tensor) and (np.asarray(x) > 0).all():
        return b.unary(arithmetic(b, exponent, np.log(np.asarray(x, np.float32)), "mul"), "exp")
    size = of_one(b, x, "abs")
    size = (
        b.binary_constant(size, "max", number(_LEAST)) if isinstance(x, Tensor) else np.maximum(size, _LEAST)
    )
    y = b.unary(arithmetic(b, of_one(b, size, "log"), exponent, "mul"), "exp")
    below = compare(b, 0.0, x, "gt", whole=False) if isinstance(x, Tensor) else np.asarray(x) < 0
    odd: Any
    if isinstance(exponent, Tensor):
        half = b.binary_constant(exponent, "mul", number(0.5))
        odd = b.binary_constant(two_tensors(b, half, b.unary(half, "floor"), "sub"), "mul", number(2))
        whole: Any = compare(b, exponent, b.unary(exponent, "floor"), "eq", whole=False)
        broken: Any = opposite(b, whole)
    else:
        odd = np.asarray(exponent % 2, np.float32)
        broken = np.asarray(exponent != np.floor(exponent), np.float32)
        if not odd.any() and not broken.any():
            return y
    signs = b.binary_constant(arithmetic(b, below, odd, "mul"), "mul", number(-2))
    y = two_tensors(b, y, b.binary_constant(signs, "add", number(1)), "mul")
    if not isinstance(broken, Tensor) and not np.any(broken):
        return y
    undefined = b.binary_constant(arithmetic(b, below, broken, "mul"), "mul", number(-2))
    undefined = b.unary(b.binary_constant(undefined, "add", number(1)), "log")  # ln 1 = 0, ln -1: NaN
    return two_tensors(b, y, undefined, "add")
