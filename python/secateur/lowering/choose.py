"""Elements of one tensor or another, as a constant says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, two_tensors
from secateur.lowering.builder import Builder


def fill(b: Builder, x: Tensor, mask: NDArray[Any], value: Any) -> Tensor:
    """`value` where the mask is true: both bounds are the value there, and infinite elsewhere."""
    mask = np.asarray(mask, bool)
    for kind, rest in (("max", -np.inf), ("min", np.inf)):
        bound = np.where(mask, np.float32(value), np.float32(rest))
        y = combine(b, x, np.asarray(bound, np.float32), kind)
        assert isinstance(y, Tensor)
        x = y
    return x


def choose(b: Builder, condition: NDArray[Any], x: Any, y: Any) -> Tensor:
    """``x`` where the condition is true, ``y`` elsewhere; either may be a number or a constant."""
    condition = np.asarray(condition, bool)
    if not isinstance(y, Tensor):
        return fill(b, x, ~condition, y)
    if not isinstance(x, Tensor):
        return fill(b, y, condition, x)
    return two_tensors(b, fill(b, x, ~condition, 0), fill(b, y, condition, 0), "add")
