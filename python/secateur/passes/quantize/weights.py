"""Weights as bytes: a scale for each row, zeros stay zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secateur.errors import InvalidArgumentError
from secateur.ir.quantised import WEIGHT_MOST
from secateur.ir.types import Array, Codes

METHODS = ("max", "mse")
_WHOLE = 1e-3  # of a step: what float32 leaves of a whole number of steps
# Parts of a row's largest magnitude that are tried as the end of its range.
_ENDS = np.linspace(1.0, 0.6, 41)


def quantise_rows(weight: NDArray[np.float32], method: str = "max") -> tuple[Codes, Array]:
    """(codes, scales): ``weight ~ scales[row] * codes``, codes -127 to 127.

    max: the largest of a row is exact. mse: the end of the range that makes the row's squared error least.

    >>> codes, scales = quantise_rows(np.array([[0, 1.0, -0.5], [0, 0, 0]], np.float32))
    >>> codes.tolist(), scales.tolist()[1]
    ([[0, 127, -64], [0, 0, 0]], 1.0)
    """
    if method not in METHODS:
        raise InvalidArgumentError(f"weights are scaled by {' or '.join(METHODS)}, not {method!r}")
    rows = weight.reshape(len(weight), -1).astype(np.float64)
    most = np.abs(rows).max(axis=1, initial=0.0)
    best = _scales(most)
    if method == "mse" and rows.size:
        least = np.full(len(rows), np.inf)
        for end in _ENDS:
            scales = _scales(most * end)
            codes = np.clip(np.rint(rows / scales[:, None]), -WEIGHT_MOST, WEIGHT_MOST)
            error = ((codes * scales[:, None] - rows) ** 2).sum(axis=1)
            best = np.where(error < least, scales, best)
            least = np.minimum(error, least)
    codes = np.clip(np.rint(rows / best[:, None]), -WEIGHT_MOST, WEIGHT_MOST).astype(np.int8)
    return codes.reshape(weight.shape), best.astype(np.float32)


def by_scales(weight: NDArray[np.float32], scales: Array) -> tuple[Codes, Array] | None:
    """The same by scales that are given; None where the weight is not whole steps of them.

    >>> by_scales(np.array([[0.5, -1.0]], np.float32), np.array([0.25], np.float32))[0].tolist()
    [[2, -4]]
    """
    rows = weight.reshape(len(weight), -1).astype(np.float64)
    if len(scales) != len(rows):
        return None
    steps = rows / np.asarray(scales, np.float64)[:, None]
    codes = np.rint(steps)
    if np.abs(codes).max(initial=0) > WEIGHT_MOST or np.abs(codes - steps).max(initial=0) > _WHOLE:
        return None
    return codes.astype(np.int8).reshape(weight.shape), np.asarray(scales, np.float32)


def _scales(most: NDArray[np.float64]) -> NDArray[np.float64]:
    """f32 numbers, in double. A row of zeros has the scale 1; one too small for a normal f32 rounds to
    zeros."""
    tiny = float(np.finfo(np.float32).tiny)
    return np.where(most > 0, np.maximum(most / WEIGHT_MOST, tiny), 1.0).astype(np.float32).astype(np.float64)
