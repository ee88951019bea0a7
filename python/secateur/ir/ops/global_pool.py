"""Mean, sum or maximum of each plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir import quantised as i8
from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator
from secateur.ir.options import GlobalPoolOptions
from secateur.ir.types import Codes, TensorType


def rule(x: Sequence[TensorType], _: GlobalPoolOptions, y: TensorType) -> TensorType:
    return x[0].made((*x[0].shape[:2], 1, 1), y)


def definition(inputs: Sequence[Floats], o: GlobalPoolOptions, _: TensorType) -> Floats:
    x = inputs[0]
    if o.kind == "max":
        return np.asarray(x.max(axis=(2, 3), keepdims=True))
    total = x.sum(axis=(2, 3), keepdims=True)
    return np.asarray(total if o.kind == "sum" else total / (x.shape[2] * x.shape[3]))


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    """i8: the exact maximum or sum, rescaled once."""
    x, y = op.inputs[0].type, op.output.type
    q = i8.centred(inputs[0], x)
    if op.options.kind == "max":
        found, count = q.max(axis=(2, 3), keepdims=True), 1
    else:
        found = q.sum(axis=(2, 3), keepdims=True)
        count = op.inputs[0].positions if op.options.kind == "mean" else 1
    return i8.to_code(i8.real(found) * i8.factor([x.scale], [y.scale, count]), y, op.activation)


OPERATOR = Operator(
    "GlobalPool",
    GlobalPoolOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    terms=lambda op: op.inputs[0].positions,
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    exact=exact,
)
