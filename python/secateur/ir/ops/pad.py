"""A constant around channels, rows and columns. What stands after the data, the output's shape says.

Of i8: the codes, and around them that of the constant.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir import quantised as i8
from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator, require
from secateur.ir.options import PadOptions
from secateur.ir.types import Codes, TensorType


def rule(x: Sequence[TensorType], o: PadOptions, y: TensorType) -> TensorType:
    data, padded = x[0].shape, y.shape
    ends = (o.channel_before + data[1], o.top + data[2], o.left + data[3])
    require(
        data[0] == padded[0] and all(end <= size for end, size in zip(ends, padded[1:], strict=True)),
        f"the padded data reach {ends} of {padded[1:]}",
    )
    return x[0].with_shape(padded)


def padded(x: Floats, o: PadOptions, y: TensorType, value: float) -> Floats:
    whole = np.full(y.shape, value, x.dtype)
    _, c, h, w = x.shape
    whole[:, o.channel_before : o.channel_before + c, o.top : o.top + h, o.left : o.left + w] = x
    return whole


def definition(inputs: Sequence[Floats], o: PadOptions, y: TensorType) -> Floats:
    return padded(inputs[0], o, y, o.value)


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    y = op.output.type
    return padded(inputs[0], op.options, y, i8.code_of(op.options.value, y))


OPERATOR = Operator(
    "Pad",
    PadOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    moves_only=True,
    exact=exact,
)
