"""An activation alone.

It may give its positions other rows and columns: how a grid becomes a row of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import UnaryOptions
from secateur.ir.shapes import same_planes
from secateur.ir.types import Layout, TensorType


def rule(x: Sequence[TensorType], _: UnaryOptions, y: TensorType) -> TensorType:
    if x[0].layout is Layout.ROW_MAJOR:
        return x[0].with_shape(x[0].shape)
    require(same_planes(x[0].shape, y.shape), "it may rename rows and columns, and nothing else")
    return x[0].with_shape(y.shape)


def definition(inputs: Sequence[Floats], _: UnaryOptions, y: TensorType) -> Floats:
    return inputs[0].reshape(y.shape)


OPERATOR = Operator(
    "Unary",
    UnaryOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    layouts=(Layout.PLANES, Layout.ROW_MAJOR),
    in_place=0,
)
