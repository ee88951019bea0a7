"""Mean, sum or maximum of each plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator
from secateur.ir.options import GlobalPoolOptions
from secateur.ir.types import TensorType


def rule(x: Sequence[TensorType], _: GlobalPoolOptions, __: TensorType) -> TensorType:
    return x[0].with_shape((*x[0].shape[:2], 1, 1))


def definition(inputs: Sequence[Floats], o: GlobalPoolOptions, _: TensorType) -> Floats:
    x = inputs[0]
    if o.kind == "max":
        return np.asarray(x.max(axis=(2, 3), keepdims=True))
    total = x.sum(axis=(2, 3), keepdims=True)
    return np.asarray(total if o.kind == "sum" else total / (x.shape[2] * x.shape[3]))


OPERATOR = Operator(
    "GlobalPool",
    GlobalPoolOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    terms=lambda op: op.inputs[0].positions,
)
