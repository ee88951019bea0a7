"""Channels of several planes, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import ConcatOptions
from secateur.ir.types import TensorType

MOST_INPUTS = 1 << 16


def rule(x: Sequence[TensorType], _: ConcatOptions, __: TensorType) -> TensorType:
    batch, _channels, height, width = x[0].shape
    shapes = [t.shape for t in x]
    require(all(s[0] == batch and s[2] * s[3] == height * width for s in shapes), "only channels may differ")
    return x[0].with_shape((batch, sum(s[1] for s in shapes), height, width))


def definition(inputs: Sequence[Floats], _: ConcatOptions, __: TensorType) -> Floats:
    return np.concatenate([x.reshape(*x.shape[:2], *inputs[0].shape[2:]) for x in inputs], axis=1)


OPERATOR = Operator(
    "Concat", ConcatOptions, arity=(1, MOST_INPUTS), rule=rule, definition=definition, moves_only=True
)
