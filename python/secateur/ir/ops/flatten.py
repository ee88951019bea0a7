"""All positions become channels, channel-major. Of i8: the codes, of one scale and zero point."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator
from secateur.ir.options import FlattenOptions
from secateur.ir.types import Codes, TensorType


def rule(x: Sequence[TensorType], _: FlattenOptions, __: TensorType) -> TensorType:
    return x[0].with_shape((x[0].shape[0], x[0].size // x[0].shape[0], 1, 1))


def definition(inputs: Sequence[Floats], _: FlattenOptions, y: TensorType) -> Floats:
    return inputs[0].reshape(y.shape)


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    return definition(inputs, op.options, op.output.type)


OPERATOR = Operator(
    "Flatten",
    FlattenOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    moves_only=True,
    exact=exact,
    fuses_activation=False,
)
