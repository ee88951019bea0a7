"""A constant around channels, rows and columns. What stands after the data, the output's shape says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import PadOptions
from secateur.ir.types import TensorType


def rule(x: Sequence[TensorType], o: PadOptions, y: TensorType) -> TensorType:
    data, padded = x[0].shape, y.shape
    ends = (o.channel_before + data[1], o.top + data[2], o.left + data[3])
    require(
        data[0] == padded[0] and all(end <= size for end, size in zip(ends, padded[1:], strict=True)),
        f"the padded data reach {ends} of {padded[1:]}",
    )
    return x[0].with_shape(padded)


def definition(inputs: Sequence[Floats], o: PadOptions, y: TensorType) -> Floats:
    x = inputs[0]
    whole = np.full(y.shape, o.value, x.dtype)
    _, c, h, w = x.shape
    whole[:, o.channel_before : o.channel_before + c, o.top : o.top + h, o.left : o.left + w] = x
    return whole


OPERATOR = Operator("Pad", PadOptions, arity=(1, 1), rule=rule, definition=definition, moves_only=True)
