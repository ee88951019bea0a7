"""An activation alone.

It may give its positions other rows and columns: how a grid becomes a row of tokens. Of i8: any function of
one element, as a table of its 256 results.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, Floats, Operator, require
from secateur.ir.options import UnaryOptions
from secateur.ir.shapes import same_planes
from secateur.ir.types import Codes, DType, Layout, TensorType


def rule(x: Sequence[TensorType], o: UnaryOptions, y: TensorType) -> TensorType:
    if x[0].layout is Layout.ROW_MAJOR:
        return x[0].with_shape(x[0].shape)
    require(same_planes(x[0].shape, y.shape), "it may rename rows and columns, and nothing else")
    quantised = x[0].dtype is DType.I8
    require(quantised == (o.table is not None), "i8 has a table of 256 results, and f32 none")
    require(o.table is None or o.table.shape == (256,), "a table has 256 results")
    return x[0].made(y.shape, y)


def definition(inputs: Sequence[Floats], _: UnaryOptions, y: TensorType) -> Floats:
    return inputs[0].reshape(y.shape)


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    table = op.options.table
    return np.asarray(table[inputs[0].astype(np.int32) + 128].reshape(op.output.shape))


OPERATOR = Operator(
    "Unary",
    UnaryOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=F32_OR_I8,
    layouts=(Layout.PLANES, Layout.PLANES4, Layout.ROW_MAJOR),
    in_place=0,
    exact=exact,
)
