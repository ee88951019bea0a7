"""What a device must answer, predicted by this machine's runtime: to the bit where the model's arithmetic
defines every bit, else within rounding.

int8 operators give the same bits on every instruction set (docs/numerics.md). f32 sums are added in another
order by other kernels: a difference below ``16 sqrt(sum K) 2^-24 max|y|`` over layers of K terms is
rounding, as when a model is compiled; beyond it this machine's own instruction sets are asked how far they
are from each other, and the device may be 8 times as far. Where f32 arithmetic comes before int8, a value
that lies between two codes may fall either way: outputs are then compared by their root mean square. So are
those of f16 layers, which some devices compute in f16 and others in f32 with one rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur import _core
from secateur.runtime import Limits, Session
from secateur.verify.bounds import UNIT, WALK_FACTOR, YARDSTICK_FACTOR

CODES = 0.01  # of the outputs' root mean square: one code of 255 more or less, here and there

# The same of f16 layers: networks with every sum in f16 lie 0.1% (convolutions) to 1% (an encoder) from those
# with one rounding an operator (docs/lab/half.md), unrelated networks 140% from each other.
HALVES = 0.05

Array = NDArray[Any]


@dataclass(frozen=True)
class Prediction:
    """The outputs, and how far others' may be from them.

    `how`: "bits" (not at all), "rounding" (each element by `allowed` of its output), "codes" and
    "halves" (all outputs together, by `allowed` of their root mean square).
    """

    outputs: list[Array]
    how: str
    allowed: list[float]

    def compare(self, got: Sequence[Array]) -> tuple[float, float, bool]:
        """(the distance, what is allowed, whether it is as predicted); NaN where NaN is predicted is no
        distance."""
        if self.how in ("codes", "halves"):
            far = distance(got, self.outputs)
            return far, self.allowed[0], far <= self.allowed[0]
        pairs = list(zip(got, self.outputs, self.allowed, strict=True))
        errors = [(furthest(a, b), limit) for a, b, limit in pairs]
        worst, limit = max(errors, key=lambda pair: pair[0] - pair[1])
        if self.how == "bits":
            same = all(np.array_equal(a.view(np.uint8), b.view(np.uint8)) for a, b, _ in pairs)
            return worst, 0.0, same
        return worst, limit, all(error <= allowed for error, allowed in errors)


def furthest(a: Array, b: Array) -> float:
    """The largest absolute difference; infinite where only one is a number.

    >>> furthest(np.array([1.0, np.nan]), np.array([1.5, np.nan]))
    0.5
    """
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
    found = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
    return float(found.max(initial=0.0))


def distance(got: Sequence[Array], want: Sequence[Array]) -> float:
    """Of all outputs together: the root mean square of the difference, relative to that of `want`."""
    error = sum(float(((a.astype(np.float64) - b) ** 2).sum()) for a, b in zip(got, want, strict=True))
    power = sum(float((b.astype(np.float64) ** 2).sum()) for b in want)
    return math.sqrt(error / power) if power > 0 else (math.inf if error else 0.0)


def kind(layers: Sequence[dict[str, Any]]) -> str:
    """How exactly a model's outputs are defined, of its layers as `Session.layers` tells them.

    >>> kind([{"op": "Convert", "dtype": "f32"}, {"op": "Conv", "dtype": "i8"}])
    'bits'
    >>> kind([{"op": "Conv", "dtype": "i8"}, {"op": "Conv", "dtype": "f32"}])
    'rounding'
    >>> kind([{"op": "Conv", "dtype": "f32"}, {"op": "Conv", "dtype": "i8"}])
    'codes'
    >>> kind([{"op": "Convert", "dtype": "f32"}, {"op": "Conv", "dtype": "f16"}])
    'halves'
    """
    if any(row["dtype"] == "f16" for row in layers):
        return "halves"
    floats = [i for i, row in enumerate(layers) if row["dtype"] != "i8" and row["op"] != "Convert"]
    bytes_ = [i for i, row in enumerate(layers) if row["dtype"] == "i8"]
    if not floats:
        return "bits"
    return "codes" if bytes_ and floats[0] < bytes_[-1] else "rounding"


def predict(model: Path, inputs: Sequence[Array], limits: Limits | None = None) -> Prediction:
    """What every machine must answer to these inputs, with one array per input of the model."""
    answers: list[list[Array]] = []
    layers: list[dict[str, Any]] = []
    mine = _core.selected_isa()
    for isa in (mine, *(isa for isa in _core.available_isas() if isa != mine)):
        with Session(model, isa=isa, limits=limits) as session:
            result = session.run(*inputs)
            layers = layers or session.layers
        answers.append(list(result) if isinstance(result, tuple) else [result])
        if kind(layers) == "bits":
            break
    outputs, others = answers[0], answers[1:]
    how = kind(layers)
    if how == "bits":
        return Prediction(outputs, how, [0.0] * len(outputs))
    if how in ("codes", "halves"):
        apart = max((distance(other, outputs) for other in others), default=0.0)
        return Prediction(outputs, how, [max(CODES if how == "codes" else HALVES, YARDSTICK_FACTOR * apart)])
    walk = WALK_FACTOR * UNIT * math.sqrt(max(1, sum(row["cols"] or 1 for row in layers)))
    allowed = []
    for i, y in enumerate(outputs):
        largest = float(np.abs(y[np.isfinite(y)]).max(initial=0.0))
        apart = max((furthest(other[i], y) for other in others), default=0.0)
        allowed.append(max(walk * largest + 1e-30, YARDSTICK_FACTOR * apart if math.isfinite(apart) else 0.0))
    return Prediction(outputs, how, allowed)
