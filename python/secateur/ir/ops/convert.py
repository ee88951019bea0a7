"""The same numbers as another dtype: f32 in planes, i8 in planes4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import ConvertOptions
from secateur.ir.types import DType, Layout, TensorType


def rule(x: Sequence[TensorType], _: ConvertOptions, y: TensorType) -> TensorType:
    layout = Layout.PLANES if y.dtype is DType.F32 else Layout.PLANES4
    require(y.dtype in (DType.F32, DType.I8), "it makes f32 or i8")
    return TensorType(x[0].shape, y.dtype, layout)


def definition(inputs: Sequence[Floats], _: ConvertOptions, y: TensorType) -> Floats:
    """Of a scale of 1 and a zero point of 0."""
    x = inputs[0]
    return x if y.dtype is DType.F32 else np.nan_to_num(np.rint(np.clip(x, -128, 127)))


OPERATOR = Operator(
    "Convert",
    ConvertOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=(DType.F32, DType.I8),
    layouts=(Layout.PLANES, Layout.PLANES4),
    fuses_activation=False,
)
