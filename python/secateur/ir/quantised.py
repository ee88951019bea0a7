"""The arithmetic of i8, step by step: what docs/numerics.md says, and what every instruction set computes.

A number is ``scale * (code - zero_point)``, a weight ``scales[row] * code``. Sums are exact in int32; what
follows is f32, each step rounded once (no fused multiply-add), and rounded to the nearest, ties to even.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir.activation import Activation, activate
from secateur.ir.types import Array, Codes, TensorType

Real = NDArray[np.float32]
LEAST, MOST = -128, 127
WEIGHT_MOST = 127  # of a weight's code, which is symmetric
INT32_MOST = 2**31 - 1
STEPS = 255  # between the least and the most: |code - zero_point| is at most this

# Activations that an i8 operator applies itself: they narrow the range that it saturates to.
NARROWING = ("none", "relu", "clamp")


def factor(numerator: Sequence[float], denominator: Sequence[float]) -> np.float32:
    """A quotient of scales: multiplied and divided in double, rounded to f32 once.

    >>> float(factor([0.5, 0.25], [2.0]))
    0.0625
    """
    top = bottom = np.float64(1)
    for number in numerator:
        top = top * np.float64(number)
    for number in denominator:
        bottom = bottom * np.float64(number)
    with np.errstate(over="ignore"):
        rounded: np.float32 = np.float32(top / bottom)
    return rounded


def factors(x: float, rows: Array, y: float) -> Real:
    """``f32(x * rows / y)``: of a convolution, one for each output channel."""
    return np.asarray((np.float64(x) * rows.astype(np.float64) / np.float64(y)).astype(np.float32))


def code_of(number: float, y: TensorType) -> int:
    """The code of a number, saturated; of NaN the zero point.

    >>> from secateur.ir.types import quantised
    >>> code_of(6.0, quantised((1, 1, 1, 1), 0.05, -128)), code_of(1.0, quantised((1, 1, 1, 1), 0.4, 0))
    (-8, 2)
    >>> code_of(float("nan"), quantised((1, 1, 1, 1), 0.4, 7))
    7
    """
    if np.isnan(number):
        return y.zero_point
    steps = np.rint(np.float64(number) / np.float64(y.scale))
    return int(np.clip(steps + y.zero_point, LEAST, MOST))


def saturation(y: TensorType, activation: Activation) -> tuple[int, int]:
    """The least and the most code of an output: those of i8, narrowed by relu and clamp."""
    if activation.kind == "none":
        return LEAST, MOST
    if activation.kind == "relu":
        return y.zero_point, MOST
    assert activation.kind == "clamp", activation
    return code_of(activation.a, y), code_of(activation.b, y)


def to_code(t: Real, y: TensorType, activation: Activation | None = None) -> Codes:
    """``rint(min(max(t, lo - z), hi - z)) + z``; NaN gives the zero point.

    >>> from secateur.ir.types import quantised
    >>> to_code(np.array([-300, 0.5, 1.5, np.nan], np.float32), quantised((4,), 1.0, 3)).tolist()
    [-128, 3, 5, 3]
    """
    assert t.dtype == np.float32
    low, high = saturation(y, activation or Activation())
    z = y.zero_point
    t = np.where(np.isnan(t), np.float32(0), t)
    clipped = np.minimum(np.maximum(t, np.float32(low - z)), np.float32(high - z))
    return np.asarray(np.rint(clipped).astype(np.int32) + z, np.int8)


def centred(q: Codes, x: TensorType) -> NDArray[np.int32]:
    """``code - zero_point``."""
    return q.astype(np.int32) - x.zero_point


def real(sums: NDArray[Any]) -> Real:
    """int32 sums as f32, rounded once."""
    assert sums.size == 0 or int(np.abs(sums).max()) <= INT32_MOST + 1, "an int32 sum overflows"
    return np.asarray(sums.astype(np.int32).astype(np.float32))


def dequantise(q: Codes, x: TensorType) -> Real:
    """``f32(code - zero_point) * scale``"""
    return np.asarray(centred(q, x).astype(np.float32) * np.float32(x.scale))


def quantise(x: NDArray[Any], y: TensorType) -> Codes:
    """f32 numbers -> codes: ``x * f32(1 / scale)``, rounded and saturated.

    >>> from secateur.ir.types import quantised
    >>> quantise(np.array([0.25, -9, np.inf], np.float32), quantised((3,), 0.125, 1)).tolist()
    [3, -71, 127]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return to_code(x.astype(np.float32) * factor([1.0], [y.scale]), y)


def decoded(codes: NDArray[Any], scales: Array | None) -> Real:
    """The f32 weight that stored values stand for: each value times its row's scale, rounded once."""
    if scales is None:
        return codes.astype(np.float32)
    return np.asarray(codes.astype(np.float32) * scales.reshape(-1, *(1,) * (codes.ndim - 1)))


def summing(weight: Codes, x: NDArray[np.int32]) -> type[Any]:
    """A float dtype in which sums of their products are exact, in any order.

    weight: a row per output. f32 holds every integer below 2^24, f64 below 2^53.
    """
    rows = np.abs(weight.astype(np.int32)).reshape(len(weight), -1).sum(axis=1)
    most = int(rows.max(initial=0)) * int(np.abs(x).max(initial=0))
    return np.float32 if most < 2**24 else np.float64


def may_overflow(terms: int, bias: NDArray[np.int32] | None) -> bool:
    """Whether int32 sums of that many products and a bias could pass 2^31 - 1.

    >>> may_overflow(1000, None), may_overflow(70000, None)
    (False, True)
    """
    most = 0 if bias is None else int(np.abs(bias.astype(np.int64)).max(initial=0))
    return terms * WEIGHT_MOST * STEPS + most > INT32_MOST


def bias_codes(bias: Array, x: float, rows: Array) -> NDArray[np.int32]:
    """A bias in units of its products: ``rint(b / (x * rows))``, saturated to int32."""
    steps = np.rint(bias.astype(np.float64) / (np.float64(x) * rows.astype(np.float64)))
    return np.asarray(np.clip(steps, -INT32_MOST, INT32_MOST), np.int32)


def table_of(
    x: TensorType,
    y: TensorType,
    activation: Activation,
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray,
) -> Codes:
    """The 256 codes of ``activation(function(number))``: in double of each input's number, rounded once."""
    numbers = function(np.float64(x.scale) * (np.arange(LEAST, MOST + 1) - x.zero_point))
    steps = np.rint(activate(numbers, activation) / np.float64(y.scale))
    return np.asarray(np.clip(np.where(np.isnan(steps), 0, steps) + y.zero_point, LEAST, MOST), np.int8)
