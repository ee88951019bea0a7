"""Fits the constants of a cost model to measured plans: for a machine's table (benchmarks/fit_cost.py).

A model's number is a time in units of its own, so that one factor between it and nanoseconds is free. What
is made small is the mean square of log(predicted / measured): a tenth too much counts as a tenth too little,
of small layers as of large ones. One constant after another is moved by steps that grow finer, until none
helps: the same data and the same start give the same constants, digit by digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

Predict = Callable[[Mapping[str, float]], Sequence[float]]

STEPS = (1.5, 1.2, 1.07, 1.02)  # factors by which a constant is moved, one round of them after another
ROUNDS = 8  # with one step, at most
WORTHWHILE = 1e-4  # of the error, for a constant to be moved


def error_of(predicted: Sequence[float], measured: Sequence[float]) -> float:
    """Mean square of log(predicted / measured), whatever the unit of either.

    >>> error_of([1.0, 2.0, 3.0], [10.0, 20.0, 30.0]) < 1e-30
    True
    >>> round(error_of([1.0, 1.0], [1.0, math.e]), 6)
    0.25
    """
    logs = [math.log(p / m) for p, m in zip(predicted, measured, strict=True)]
    mean = sum(logs) / len(logs)
    return sum((value - mean) ** 2 for value in logs) / len(logs)


def fit(
    predict: Predict, measured: Sequence[float], start: Mapping[str, float], free: Sequence[str]
) -> tuple[dict[str, float], float]:
    """The constants, three digits each, and the root of their error: 0.05 is some 5% of a time.

    predict: the times of all plans by the model with these constants, in any unit; measured: nanoseconds;
    free: which constants are moved from `start`, each above 0.

    >>> def model(c): return [n * c["nonzero"] + c["strip"] for n in (1, 5, 20, 100)]
    >>> times = model({"nonzero": 1.0, "strip": 16.0})
    >>> constants, error = fit(model, times, {"nonzero": 1.0, "strip": 8.0}, ["strip"])
    >>> abs(constants["strip"] - 16) < 0.4, error < 0.01
    (True, True)
    """
    best = dict(start)
    least = error_of(predict(best), measured)
    for step in STEPS:
        for _ in range(ROUNDS):
            moved = False
            for name in free:
                for factor in (step, 1 / step):
                    tried = {**best, name: three_digits(best[name] * factor)}
                    found = error_of(predict(tried), measured)
                    if found < least * (1 - WORTHWHILE):
                        best, least, moved = tried, found, True
                        break
            if not moved:
                break
    return best, math.sqrt(least)


def three_digits(value: float) -> float:
    """As a table is printed.

    >>> three_digits(3.14159), three_digits(1234.5)
    (3.14, 1230.0)
    """
    return float(f"{value:.3g}")
