"""Functions of two numbers: of their sizes, signs, logarithms and powers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import pairs as lowering
from secateur.lowering import power as powers
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder

_FUNCTIONS = {
    "hypot.default": lowering.hypotenuse,
    "logaddexp.default": lowering.log_add_exp,
    "logaddexp2.default": lowering.log_add_exp2,
    "copysign.Tensor": lowering.with_sign,
    "copysign.Scalar": lowering.with_sign,
    "xlogy.Tensor": lowering.x_log_y,
    "xlogy.Scalar_Other": lowering.x_log_y,
    "xlogy.Scalar_Self": lowering.x_log_y,
}


@reads(*_FUNCTIONS)
def function(b: Builder, a: Args) -> Tensor:
    return _FUNCTIONS[a.target](b, a.get("self"), a.get("other"))


@reads("heaviside.default")
def heaviside(b: Builder, a: Args) -> Tensor:
    return lowering.step(b, a.get("self"), a.get("values"))


@reads("special_xlog1py.default")
def x_log_more(b: Builder, a: Args) -> Tensor:
    """``x ln(1 + y)``"""
    other = a.get("other")
    more = lowering.arithmetic(b, other, 1.0, "add") if isinstance(other, Tensor) else other + 1
    return lowering.x_log_y(b, a.get("self"), more)


@reads("special_entr.default")
def entropy(b: Builder, a: Args) -> Tensor:
    return lowering.entropy(b, a.tensor("self"))


@reads("ldexp.Tensor")
def times_power_of_two(b: Builder, a: Args) -> Tensor:
    other: Any = a.get("other")
    factor = powers.exponential(b, 2, other) if isinstance(other, Tensor) else np.exp2(other)
    return lowering.arithmetic(b, a.get("self"), factor, "mul")


@reads("pow.Tensor_Tensor", "float_power.Tensor_Tensor")
def power(b: Builder, a: Args) -> Tensor:
    exponent = a.get("exponent")
    if isinstance(exponent, np.ndarray) and exponent.size == 1 and math.isfinite(exponent.item()):
        return powers.power(b, a.tensor("self"), float(exponent.item()))
    return lowering.power(b, a.get("self"), exponent)
