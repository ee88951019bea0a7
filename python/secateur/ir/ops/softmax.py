"""Softmax over the channels of each position of planes, or over the last dimension of row-major tensors."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.graph import Op
from secateur.ir.operator import Floats, Operator, same_type
from secateur.ir.options import SoftmaxOptions
from secateur.ir.softmax import softmax
from secateur.ir.types import Layout, TensorType


def definition(inputs: Sequence[Floats], _: SoftmaxOptions, y: TensorType) -> Floats:
    return softmax(inputs[0], axis=-1 if y.layout is Layout.ROW_MAJOR else 1)


def terms(op: Op) -> int:
    x = op.inputs[0]
    return x.shape[-1] if x.type.layout is Layout.ROW_MAJOR else x.channels


OPERATOR = Operator(
    "Softmax",
    SoftmaxOptions,
    arity=(1, 1),
    rule=same_type,
    definition=definition,
    layouts=(Layout.PLANES, Layout.ROW_MAJOR),
    terms=terms,
    fuses_activation=False,
)
