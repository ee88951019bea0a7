"""How far answers are from PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

LIMIT = 1e-3  # of the largest difference over the largest number


def error(answers: list[Any], numbers: list[Any], *, sorts: bool) -> float:
    """The largest difference over the largest number, of all outputs.

    sorts: the network has an operator that sorts. Near ties then change places (RT-DETR's queries), and rows
    are compared in the nearest order where they differ otherwise.
    """
    worst = _distance(answers, numbers)
    if worst >= LIMIT and sorts:
        worst = _distance([_in_order_of(y, t) for y, t in zip(answers, numbers, strict=True)], numbers)
    return worst


def _distance(ours: Any, theirs: Any) -> float:
    """The largest difference over the largest number, of all outputs."""
    pairs = zip(ours, theirs, strict=True)
    each = [np.abs(x - y).max(initial=0) / max(np.abs(y).max(initial=0), 1e-30) for x, y in pairs]
    return float(np.max(each, initial=0))  # NaN where one is, as Python's max would not


def _in_order_of(ours: Any, theirs: Any) -> Any:
    """The rows of the last dimension in another order, that which is nearest to theirs: each once."""
    if theirs.ndim < 2 or theirs.size > 1 << 16:
        return ours
    mine, rows = (np.asarray(x, np.float64).reshape(-1, theirs.shape[-1]) for x in (ours, theirs))
    _, nearest = linear_sum_assignment(np.abs(rows[:, None] - mine[None]).max(-1))
    return mine[nearest].reshape(theirs.shape)
