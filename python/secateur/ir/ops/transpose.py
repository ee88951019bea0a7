"""Channels become positions, and positions channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator
from secateur.ir.options import TransposeOptions
from secateur.ir.types import TensorType


def rule(x: Sequence[TensorType], _: TransposeOptions, __: TensorType) -> TensorType:
    batch, channels, height, width = x[0].shape
    return x[0].with_shape((batch, height * width, 1, channels))


def definition(inputs: Sequence[Floats], _: TransposeOptions, __: TensorType) -> Floats:
    batch, channels = inputs[0].shape[:2]
    return np.ascontiguousarray(inputs[0].reshape(batch, channels, 1, -1).transpose(0, 3, 2, 1))


OPERATOR = Operator(
    "Transpose",
    TransposeOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    moves_only=True,
    fuses_activation=False,
)
