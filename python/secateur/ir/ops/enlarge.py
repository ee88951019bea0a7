"""A constant around a row-major tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import EnlargeOptions
from secateur.ir.types import Layout, TensorType


def rule(x: Sequence[TensorType], o: EnlargeOptions, y: TensorType) -> TensorType:
    data, whole = x[0].shape, y.shape
    require(len(data) == len(whole) == len(o.before), "one beginning per dimension")
    ends = tuple(b + size for b, size in zip(o.before, data, strict=True))
    require(
        all(end <= size for end, size in zip(ends, whole, strict=True)), f"the data reach {ends} of {whole}"
    )
    return x[0].with_shape(whole)


def definition(inputs: Sequence[Floats], o: EnlargeOptions, y: TensorType) -> Floats:
    whole = np.full(y.shape, o.value, inputs[0].dtype)
    whole[tuple(slice(b, b + size) for b, size in zip(o.before, inputs[0].shape, strict=True))] = inputs[0]
    return whole


OPERATOR = Operator(
    "Enlarge",
    EnlargeOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    layouts=(Layout.ROW_MAJOR,),
    moves_only=True,
    fuses_activation=False,
)
