"""A row-major tensor under another shape: nothing is computed or moved."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import ReshapeOptions
from secateur.ir.types import DType, Layout, TensorType


def rule(x: Sequence[TensorType], _: ReshapeOptions, y: TensorType) -> TensorType:
    require(y.size == x[0].size, "the output has another number of elements")
    return x[0].with_shape(y.shape)


def definition(inputs: Sequence[Floats], _: ReshapeOptions, y: TensorType) -> Floats:
    return inputs[0].reshape(y.shape)


OPERATOR = Operator(
    "Reshape",
    ReshapeOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=tuple(DType),
    layouts=(Layout.ROW_MAJOR,),
    moves_only=True,
    fuses_activation=False,
    in_place=0,
)
