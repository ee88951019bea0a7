"""The same numbers as another dtype or of another scale: f32 planes to i8 planes4 and back, i8 to i8,
f32 to f16 and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir import quantised as i8
from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator, require
from secateur.ir.options import ConvertOptions
from secateur.ir.types import DType, TensorType, quantised


def rule(x: Sequence[TensorType], _: ConvertOptions, y: TensorType) -> TensorType:
    halved = {x[0].dtype, y.dtype} == {DType.F32, DType.F16}
    require(halved or DType.I8 in (x[0].dtype, y.dtype), "it makes or reads i8 or f16")
    require(halved or {x[0].dtype, y.dtype} <= set(F32_OR_I8), f"it makes no {y.dtype} of {x[0].dtype}")
    if y.dtype is not DType.I8:
        return TensorType(x[0].shape, y.dtype)
    return quantised(x[0].shape, y.scale, y.zero_point)


def definition(inputs: Sequence[Floats], _: ConvertOptions, __: TensorType) -> Floats:
    """Of the numbers, not of their codes: they stay what they are."""
    return inputs[0]


def exact(op: Op, inputs: Sequence[Floats]) -> Floats:
    x, y = op.inputs[0].type, op.output.type
    if x.dtype is DType.F32:
        return i8.quantise(inputs[0], y)
    if y.dtype is DType.F32:
        return i8.dequantise(inputs[0], x)
    t = i8.centred(inputs[0], x).astype(np.float32) * i8.factor([x.scale], [y.scale])
    return i8.to_code(t, y)


OPERATOR = Operator(
    "Convert",
    ConvertOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    moves_only=True,
    fuses_activation=False,
    exact=exact,
)
