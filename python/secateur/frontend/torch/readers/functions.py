"""Exponentials, logarithms, roots, powers, trigonometric functions, and what is made of them."""

from __future__ import annotations

import math

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import integers, unary
from secateur.lowering import power as lowering
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import number
from secateur.lowering.builder import Builder
from secateur.lowering.complex import Complex, magnitude

_PLAIN = {
    f"{name}.default": name
    for name in ("exp", "log", "sqrt", "rsqrt", "abs", "sin", "cos", "atan", "erf", "mish")
}
_SCALED_LOGARITHMS = {"log2.default": 1 / math.log(2), "log10.default": 1 / math.log(10)}


@reads(*_PLAIN)
def plain(b: Builder, a: Args) -> Tensor:
    if a.target == "abs.default" and isinstance(a.given("self"), Complex):
        return magnitude(b, a.complex("self"))
    return b.unary(a.tensor("self"), _PLAIN[a.target])


@reads(*_SCALED_LOGARITHMS)
def logarithm(b: Builder, a: Args) -> Tensor:
    y = b.unary(a.tensor("self"), "log")
    return b.binary_constant(y, "mul", number(_SCALED_LOGARITHMS[a.target]))


@reads("log1p.default")
def log1p(b: Builder, a: Args) -> Tensor:
    return b.unary(b.binary_constant(a.tensor("self"), "add", number(1)), "log")


@reads("expm1.default")
def expm1(b: Builder, a: Args) -> Tensor:
    return b.binary_constant(b.unary(a.tensor("self"), "exp"), "sub", number(1))


@reads("erfc.default", "special_erfc.default")
def complement(b: Builder, a: Args) -> Tensor:
    """``1 - erf x``"""
    return b.binary_constant(b.unary(a.tensor("self"), "erf"), "sub", number(1), True)


@reads("exp2.default")
def exp2(b: Builder, a: Args) -> Tensor:
    return lowering.exponential(b, 2, a.tensor("self"))


@reads("pow.Scalar")
def exponential(b: Builder, a: Args) -> Tensor:
    return lowering.exponential(b, a.number("self"), a.tensor("exponent"))


@reads("pow.Tensor_Scalar", "square.default")
def power(b: Builder, a: Args) -> Tensor:
    return lowering.power(b, a.tensor("self"), float(a.get("exponent", 2)))


@reads("elu.default")
def elu(b: Builder, a: Args) -> Tensor:
    return unary.elu(b, a.tensor("self"), a.number("alpha"), a.number("scale"), a.number("input_scale"))


@reads("celu.default")
def celu(b: Builder, a: Args) -> Tensor:
    alpha = a.number("alpha")
    return unary.elu(b, a.tensor("self"), alpha, 1.0, 1 / alpha)


@reads("selu.default")
def selu(b: Builder, a: Args) -> Tensor:
    return unary.elu(b, a.tensor("self"), 1.6732632423543772, 1.0507009873554805, 1.0)


@reads("softplus.default")
def softplus(b: Builder, a: Args) -> Tensor:
    """PyTorch's threshold changes nothing that float32 holds (20) unless it is far lower."""
    x, beta, limit = a.tensor("self"), a.number("beta"), a.number("threshold")
    y = unary.softplus(b, x, beta)
    if limit >= 10:
        return y
    return integers.select(b, integers.compare(b, unary.scaled(b, x, beta), limit, "gt", whole=False), x, y)


@reads("log_sigmoid.default", "log_sigmoid_forward.default")
def log_sigmoid(b: Builder, a: Args) -> Tensor | tuple[Tensor, None]:
    y = unary.softplus(b, a.tensor("self"), -1.0)
    return (y, None) if a.target.startswith("log_sigmoid_forward") else y


@reads("softshrink.default")
def softshrink(b: Builder, a: Args) -> Tensor:
    return unary.softshrink(b, a.tensor("self"), a.number("lambd"))


@reads("threshold.default")
def threshold(b: Builder, a: Args) -> Tensor:
    x, low, value = a.tensor("self"), a.number("threshold"), a.number("value")
    if low == value:
        return unary.clip(b, x, low, math.inf)
    return integers.select(b, integers.compare(b, x, low, "gt", whole=False), x, value)


@reads("sign.default", "sgn.default")
def sign(b: Builder, a: Args) -> Tensor:
    return unary.sign(b, a.tensor("self"))


@reads("logit.default")
def logit(b: Builder, a: Args) -> Tensor:
    return unary.logit(b, a.tensor("self"), a.get("eps"))
