"""Places of the elements along the last dimension in ascending or descending order: sorting, and a top-k."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import SortOptions
from secateur.ir.types import Layout, TensorType

MOST = 1 << 24  # places that f32 holds exactly


def rule(x: Sequence[TensorType], o: SortOptions, y: TensorType) -> TensorType:
    have = x[0].shape
    require(len(have) > 0 and have[-1] <= MOST, f"no places along {have}")
    require(len(y.shape) == len(have) and 0 < y.shape[-1] <= have[-1], f"{y.shape} of the places of {have}")
    return x[0].with_shape((*have[:-1], y.shape[-1]))


def definition(inputs: Sequence[Floats], o: SortOptions, y: TensorType) -> Floats:
    """Equal elements stay in their order; NaN is the greatest."""
    x = inputs[0]
    if o.descending:  # from behind: equal ones turn round twice
        places = x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    else:
        places = np.argsort(x, axis=-1, kind="stable")
    return np.ascontiguousarray(places[..., : y.shape[-1]]).astype(x.dtype)


OPERATOR = Operator(
    "Sort",
    SortOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    layouts=(Layout.ROW_MAJOR,),
    fuses_activation=False,
)
