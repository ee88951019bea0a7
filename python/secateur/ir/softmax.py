"""Softmax, as the definitions of Softmax and Attention need it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def softmax(x: NDArray[Any], axis: int) -> NDArray[Any]:
    """``exp(x - max x) / sum exp(x - max x)`` along one axis."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))
