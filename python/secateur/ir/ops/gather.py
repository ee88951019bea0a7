"""Elements along one dimension of a row-major tensor, by computed places; the other dimensions broadcast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir import shapes
from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import GatherOptions
from secateur.ir.types import Layout, TensorType


def rule(x: Sequence[TensorType], o: GatherOptions, _: TensorType) -> TensorType:
    data, places = x[0].shape, x[1].shape
    require(0 <= o.axis < len(data) == len(places), f"places {places} along dimension {o.axis} of {data}")
    require(data[o.axis] <= 1 << 24, f"places along {data[o.axis]} elements")
    other = shapes.broadcast(_without(data, o.axis), _without(places, o.axis))
    require(other is not None, f"data of shape {data} and places of shape {places} do not broadcast")
    assert other is not None
    return x[0].with_shape((*other[: o.axis], places[o.axis], *other[o.axis :]))


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def definition(inputs: Sequence[Floats], o: GatherOptions, y: TensorType) -> Floats:
    data, places = inputs
    size = data.shape[o.axis]
    from_end = np.where(places < 0, places + size, places)
    inside = (from_end >= 0) & (from_end < size)
    at = np.where(inside, from_end, 0).astype(np.int64)
    lead = (*y.shape[: o.axis], size, *y.shape[o.axis + 1 :])
    return np.take_along_axis(np.broadcast_to(data, lead), np.broadcast_to(at, y.shape), o.axis)


OPERATOR = Operator(
    "Gather",
    GatherOptions,
    arity=(2, 2),
    rule=rule,
    definition=definition,
    layouts=(Layout.ROW_MAJOR,),
    fuses_activation=False,
)
