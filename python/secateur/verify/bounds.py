"""How far a float32 or float16 result may be from the exact one: of an operator, and of a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir import OPERATORS, Graph, Op

UNIT = 2.0**-24  # half an ulp of 1 in float32
HALF_UNIT = 2.0**-11  # in float16
HALF_STEP = 2.0**-25  # half a step of float16 near zero, where it has a fixed point
SLACK = 16  # roundings of bias, residual and activation, and approximated exponentials

# Roundings of independent layers add up like a random walk; this many standard deviations are taken as
# normal.
WALK_FACTOR = 16.0
# How much further from the exact (float64) result than PyTorch's own float32 the compiled network may be.
YARDSTICK_FACTOR = 8.0


def bound(op: Op, inputs: Sequence[NDArray[np.float64]], exact: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest error that arithmetic in any order explains, of float32 or, where the output is, float16.

    ``(terms + SLACK) 2^-24`` times the magnitude that the operator's row gives: of a dot product of K terms,
    ``K`` and ``sum |w| |x|``; of others, the largest number in or out.
    """
    row = OPERATORS[op.kind]
    magnitude = row.magnitude(inputs, op.options, op.output.type, exact)
    roundings = row.terms(op) + SLACK
    if op.output.type.halved:
        return np.asarray(roundings * (HALF_UNIT * magnitude + HALF_STEP))
    return np.asarray(roundings * UNIT * magnitude + 1e-30)


def tolerance(graph: Graph, y: NDArray[Any]) -> float:
    """The error that is taken as rounding without a second look.

    Every layer of K terms adds a relative error of some sqrt(K) 2^-24, independent of the others': together
    ``sqrt(sum K) 2^-24`` of the output's largest magnitude, times WALK_FACTOR.
    """
    total = sum(OPERATORS[op.kind].terms(op) for op in graph.ops)
    finite = np.abs(y[np.isfinite(y)])
    return WALK_FACTOR * UNIT * math.sqrt(max(total, 1)) * float(finite.max(initial=0.0)) + 1e-30


def agree(got: NDArray[Any], exact: NDArray[Any], limit: NDArray[Any]) -> bool:
    """Within the limit; NaN where NaN is due, and the same infinities."""
    both = np.isfinite(got) & np.isfinite(exact)
    with np.errstate(invalid="ignore"):
        same = both | (np.isnan(got) & np.isnan(exact)) | (got == exact)
        close = np.abs(got - exact, where=both, out=np.zeros(exact.shape)) <= limit
    return bool(np.all(same) and np.all(close | ~both))
