"""Elements put at places of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import gather, order
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


def _operand(a: Args, at: int) -> Any:
    return a.value(at) if isinstance(a.raw(at), np.ndarray) else a.floats(at)


@reads("ScatterElements", "Scatter")
def scatter_elements(b: Builder, a: Args) -> Tensor:
    """A place along an axis for each element, constant or computed, from the end where it is negative; what
    comes there is put, added, or the greatest or least with what is there."""
    reduction, index = a.text("reduction", "none"), a.raw(1)
    x, values = _operand(a, 0), _operand(a, 2)
    axis = a.integer("axis") % len(x.shape)
    if reduction not in ("none", "add", "max", "min"):
        raise Unsupported(f"a scatter that takes the {reduction}")
    if isinstance(index, np.ndarray) and reduction == "none":
        at = np.indices(index.shape)
        at[axis] = index % x.shape[axis]
        places = np.arange(int(np.prod(x.shape))).reshape(x.shape)[tuple(at)]
        return gather.put(b, x, places, values)
    index = order.from_start(b, a.floats(1), x.shape[axis])
    if reduction in ("max", "min"):
        return order.scatter_reduce(b, x, axis, index, values, reduction, include_self=True)
    return order.scatter(b, x, axis, index, values, adds=reduction == "add")


@reads("ScatterND")
def scatter_nd(b: Builder, a: Args) -> Tensor:
    """Parts at constant places of the first dimensions."""
    if a.text("reduction", "none") != "none":
        raise Unsupported("a scatter that combines")
    x, index = _operand(a, 0), a.raw_const(1)
    places = np.arange(int(np.prod(x.shape))).reshape(x.shape)[tuple(np.moveaxis(index, -1, 0))]
    return gather.put(b, x, places, _operand(a, 2))
