"""An activation alone.

It may give its positions other rows and columns: how a grid becomes a row of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import UnaryOptions
from secateur.ir.shapes import same_planes
from secateur.ir.types import Shape, TensorType


def rule(x: Sequence[TensorType], _: UnaryOptions, y: TensorType) -> TensorType:
    require(same_planes(x[0].shape, y.shape), "it may rename rows and columns, and nothing else")
    return x[0].with_shape(y.shape)


def definition(inputs: Sequence[Floats], _: UnaryOptions, shape: Shape) -> Floats:
    return inputs[0].reshape(shape)


OPERATOR = Operator("Unary", UnaryOptions, arity=(1, 1), rule=rule, definition=definition, in_place=0)
