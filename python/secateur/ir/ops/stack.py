"""Row-major tensors side by side along one dimension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import StackOptions
from secateur.ir.types import DType, Layout, Shape, TensorType

MOST_INPUTS = 1024


def rule(x: Sequence[TensorType], o: StackOptions, _: TensorType) -> TensorType:
    first = x[0].shape
    require(0 <= o.axis < len(first), f"there is no dimension {o.axis}")

    def rest(shape: Shape) -> Shape:
        return (*shape[: o.axis], *shape[o.axis + 1 :])

    require(
        all(len(t.shape) == len(first) and rest(t.shape) == rest(first) for t in x),
        "only one dimension may differ",
    )
    total = sum(t.shape[o.axis] for t in x)
    return x[0].with_shape((*first[: o.axis], total, *first[o.axis + 1 :]))


def definition(inputs: Sequence[Floats], o: StackOptions, _: TensorType) -> Floats:
    return np.concatenate(inputs, axis=o.axis)


OPERATOR = Operator(
    "Stack",
    StackOptions,
    arity=(1, MOST_INPUTS),
    rule=rule,
    definition=definition,
    dtypes=tuple(DType),
    layouts=(Layout.ROW_MAJOR,),
    moves_only=True,
    fuses_activation=False,
)
