"""Maxima and averages over windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import PoolOptions
from secateur.ir.types import TensorType
from secateur.ir.window import window_grid, windows


def rule(x: Sequence[TensorType], w: PoolOptions, _: TensorType) -> TensorType:
    require(
        max(w.pad_top, w.pad_bottom) < w.kernel_h and max(w.pad_left, w.pad_right) < w.kernel_w,
        "a pooling window lies in the padding",
    )
    return x[0].with_shape((*x[0].shape[:2], *window_grid(x[0].shape, w)))


def definition(inputs: Sequence[Floats], o: PoolOptions, _: TensorType) -> Floats:
    x = inputs[0]
    if o.kind == "max":
        return np.asarray(windows(x, o, -np.inf).max(axis=(4, 5)))
    total = windows(x, o, 0.0).sum(axis=(4, 5))
    if o.kind == "average_counting_pad":
        return np.asarray(total / (o.kernel_h * o.kernel_w))
    count = windows(np.ones_like(x[:1, :1]), o, 0.0).sum(axis=(4, 5))
    return np.asarray(total / count)


OPERATOR = Operator(
    "Pool",
    PoolOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    terms=lambda op: int(op.options.kernel_h * op.options.kernel_w),
)
