"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import binary, unary
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported

_PLAIN = {
    "Relu": "relu",
    "HardSwish": "hard_swish",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Mish": "mish",
    "Softplus": "softplus",
    "Erf": "erf",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
    "Abs": "abs",
    "Sin": "sin",
    "Cos": "cos",
}


@reads(*_PLAIN)
def plain(b: Builder, a: Args) -> Tensor:
    return b.unary(a.floats(), _PLAIN[a.op])


@reads("LeakyRelu")
def leaky_relu(b: Builder, a: Args) -> Tensor:
    return b.unary(a.floats(), "leaky_relu", a.number("alpha", 0.01))


@reads("Elu")
def elu(b: Builder, a: Args) -> Tensor:
    return unary.elu(b, a.floats(), a.number("alpha", 1), 1.0, 1.0)


@reads("Celu")
def celu(b: Builder, a: Args) -> Tensor:
    alpha = a.number("alpha", 1)
    return unary.elu(b, a.floats(), alpha, 1.0, 1 / alpha)


@reads("Selu")
def selu(b: Builder, a: Args) -> Tensor:
    alpha, gamma = a.number("alpha", 1.67326319217681884765625), a.number("gamma", 1.05070102214813232421875)
    return unary.elu(b, a.floats(), alpha, gamma, 1.0)


@reads("Gelu")
def gelu(b: Builder, a: Args) -> Tensor:
    return b.unary(a.floats(), "gelu_tanh" if a.text("approximate", "none") == "tanh" else "gelu")


@reads("HardSigmoid")
def hard_sigmoid(b: Builder, a: Args) -> Tensor:
    """``max(0, min(1, alpha x + beta))``"""
    alpha, beta = a.number("alpha", 0.2), a.number("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return b.unary(a.floats(), "hard_sigmoid")
    y = b.binary_constant(unary.scaled(b, a.floats(), alpha), "add", binary.number(beta))
    return b.unary(y, "clamp", 0, 1)


@reads("Swish")
def swish(b: Builder, a: Args) -> Tensor:
    """``x sigmoid(alpha x)``"""
    alpha = a.number("alpha", 1)
    if alpha == 1:
        return b.unary(a.floats(), "silu")
    return binary.two_tensors(b, a.floats(), b.unary(unary.scaled(b, a.floats(), alpha), "sigmoid"), "mul")


@reads("Softsign")
def softsign(b: Builder, a: Args) -> Tensor:
    """``x / (1 + |x|)``"""
    x = a.floats()
    return binary.two_tensors(b, x, b.binary_constant(b.unary(x, "abs"), "add", binary.number(1)), "div")


@reads("Clip")
def clip(b: Builder, a: Args) -> Tensor:
    """Bounds are attributes before opset 11."""
    low, high = (
        a.const(at).reshape(-1)[0] if a.has(at) else a.attribute(name, limit)
        for at, name, limit in ((1, "min", -math.inf), (2, "max", math.inf))
    )
    return unary.clip(b, a.floats(), float(low), float(high))


@reads("PRelu")
def prelu(b: Builder, a: Args) -> Tensor:
    """``x`` where positive, ``slope x`` elsewhere; the slope broadcasts from the last dimension."""
    x, slope = a.floats(), a.const(1)
    channels = x.rank > 1 and slope.size == x.shape[1]
    per_channel = slope.shape == (slope.size, *[1] * (x.rank - 2))
    old = slope.ndim == 1 and channels and slope.size != x.shape[-1]  # before opset 7 one for each channel
    if slope.size == 1 or (channels and (per_channel or old)):
        return unary.prelu(b, x, slope)
    below = binary.combine(b, b.unary(x, "clamp", -math.inf, 0), slope, "mul")
    assert isinstance(below, Tensor)
    return binary.two_tensors(b, b.unary(x, "relu"), below, "add")


def step(b: Builder, x: Tensor) -> Tensor:
    """1 where positive, 0 elsewhere."""
    return b.unary(unary.sign(b, x), "clamp", 0, 1)


@reads("ThresholdedRelu")
def thresholded_relu(b: Builder, a: Args) -> Tensor:
    """``x`` above alpha, 0 elsewhere."""
    x = a.floats()
    off = b.binary_constant(x, "sub", binary.number(a.number("alpha", 1)))
    return binary.two_tensors(b, x, step(b, off), "mul")


@reads("Shrink")
def shrink(b: Builder, a: Args) -> Tensor:
    """0 within lambd, beyond it ``x`` moved towards 0 by the bias."""
    x, size, bias = a.floats(), a.number("lambd", 0.5), a.number("bias", 0)
    if bias == size:
        return unary.softshrink(b, x, size)
    outside = step(b, b.binary_constant(b.unary(x, "abs"), "sub", binary.number(size)))
    y = x
    if bias != 0:
        y = binary.two_tensors(b, x, unary.scaled(b, unary.sign(b, x), bias), "sub")
    return binary.two_tensors(b, y, outside, "mul")


@reads("Sign")
def sign(b: Builder, a: Args) -> Tensor:
    return unary.sign(b, a.floats())


def first_of(value: Any) -> float:
    """The number in a constant of one element."""
    array = np.asarray(value)
    if array.size != 1:
        raise Unsupported("a number for each element")
    return float(array.reshape(-1)[0])
