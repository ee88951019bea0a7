"""Channels of several planes, one after the other. Of i8: all of one scale and zero point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator, require
from secateur.ir.options import ConcatOptions
from secateur.ir.types import Codes, TensorType

MOST_INPUTS = 1 << 16


def rule(x: Sequence[TensorType], _: ConcatOptions, __: TensorType) -> TensorType:
    batch, _channels, height, width = x[0].shape
    shapes = [t.shape for t in x]
    require(all(s[0] == batch and s[2] * s[3] == height * width for s in shapes), "only channels may differ")
    codes = {(t.scale, t.zero_point) for t in x}
    require(len(codes) == 1, "i8 parts have one scale and zero point, that of the whole")
    return x[0].with_shape((batch, sum(s[1] for s in shapes), height, width))


def definition(inputs: Sequence[Floats], _: ConcatOptions, __: TensorType) -> Floats:
    return np.concatenate([x.reshape(*x.shape[:2], *inputs[0].shape[2:]) for x in inputs], axis=1)


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    return definition(inputs, op.options, op.output.type)


OPERATOR = Operator(
    "Concat",
    ConcatOptions,
    arity=(1, MOST_INPUTS),
    rule=rule,
    definition=definition,
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    moves_only=True,
    exact=exact,
)
