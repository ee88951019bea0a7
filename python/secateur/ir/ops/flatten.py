"""All positions become channels, channel-major."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.operator import Floats, Operator
from secateur.ir.options import FlattenOptions
from secateur.ir.types import TensorType


def rule(x: Sequence[TensorType], _: FlattenOptions, __: TensorType) -> TensorType:
    return x[0].with_shape((x[0].shape[0], x[0].size // x[0].shape[0], 1, 1))


def definition(inputs: Sequence[Floats], _: FlattenOptions, y: TensorType) -> Floats:
    return inputs[0].reshape(y.shape)


OPERATOR = Operator(
    "Flatten",
    FlattenOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    moves_only=True,
    fuses_activation=False,
)
