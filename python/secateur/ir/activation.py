"""The activation functions that an operator may apply to its result, and their definition in NumPy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir.fields import ACTIVATION_KINDS as ACTIVATION_KINDS

_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True)
class Activation:
    """An elementwise function applied to an operator's result; ``a`` and ``b`` as in format/model.fbs."""

    kind: str = "none"
    a: float = 0.0
    b: float = 0.0

    def __bool__(self) -> bool:
        return self.kind != "none"

    def __str__(self) -> str:
        if self.kind == "clamp":
            return f"clamp({self.a:g}, {self.b:g})"
        return f"{self.kind}({self.a:g})" if self.kind in ("leaky_relu", "elu") else self.kind


def activate(x: NDArray[Any], activation: Activation) -> NDArray[Any]:
    """The activation functions of format/model.fbs; NaN stays NaN."""
    return np.asarray(_activate(x, activation))


def _activate(x: NDArray[Any], activation: Activation) -> Any:
    kind, a, b = activation.kind, activation.a, activation.b
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        if kind == "none":
            return x
        if kind == "relu":
            return np.maximum(x, 0)
        if kind == "clamp":
            return np.minimum(np.maximum(x, a), b)
        if kind == "leaky_relu":
            return np.where(x < 0, x * x.dtype.type(a), x)
        if kind == "hard_swish":
            return x * np.clip(x + 3, 0, 6) / 6
        if kind == "hard_sigmoid":
            return np.clip(x + 3, 0, 6) / 6
        if kind == "sigmoid":
            return 1 / (1 + np.exp(-x))
        if kind == "silu":
            return x / (1 + np.exp(-x))
        if kind == "tanh":
            return np.tanh(x)
        if kind == "gelu":
            return x * (0.5 * (1 + _erf(x / math.sqrt(2)))).astype(x.dtype)
        if kind == "gelu_tanh":
            return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        if kind == "elu":
            return np.where(x > 0, x, x.dtype.type(a) * np.expm1(np.minimum(x, 0)))
        if kind == "mish":
            return x * np.tanh(np.logaddexp(x, 0))
        if kind == "softplus":
            return np.logaddexp(x, 0)
        if kind == "erf":
            return _erf(x).astype(x.dtype)
        if kind in ("round", "atan"):
            return {"round": np.rint, "atan": np.arctan}[kind](x)
        if kind == "rsqrt":
            return 1 / np.sqrt(x)
        if kind in ("exp", "log", "sqrt", "abs", "sin", "cos", "floor"):
            return getattr(np, kind)(x)
    raise ValueError(f"unknown activation {kind!r}")
