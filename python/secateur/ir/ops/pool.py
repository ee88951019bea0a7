"""Maxima and averages over windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir import quantised as i8
from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator, require
from secateur.ir.options import PoolOptions
from secateur.ir.types import Codes, TensorType
from secateur.ir.window import window_grid, windows


def rule(x: Sequence[TensorType], w: PoolOptions, y: TensorType) -> TensorType:
    require(
        max(w.pad_top, w.pad_bottom) < w.kernel_h and max(w.pad_left, w.pad_right) < w.kernel_w,
        "a pooling window lies in the padding",
    )
    return x[0].made((*x[0].shape[:2], *window_grid(x[0].shape, w)), y)


def definition(inputs: Sequence[Floats], o: PoolOptions, _: TensorType) -> Floats:
    x = inputs[0]
    if o.kind == "max":
        return np.asarray(windows(x, o, -np.inf).max(axis=(4, 5)))
    total = windows(x, o, 0.0).sum(axis=(4, 5))
    if o.kind == "average_counting_pad":
        return np.asarray(total / (o.kernel_h * o.kernel_w))
    count = windows(np.ones_like(x[:1, :1]), o, 0.0).sum(axis=(4, 5))
    return np.asarray(total / count)


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    """i8: the exact maximum or sum, rescaled once. Padding is never the maximum, and adds nothing."""
    o, x, y = op.options, op.inputs[0].type, op.output.type
    q = i8.centred(inputs[0], x)
    if o.kind == "max":
        top = windows(q, o, i8.LEAST - x.zero_point).max(axis=(4, 5))
        return i8.to_code(i8.real(top) * i8.factor([x.scale], [y.scale]), y, op.activation)
    sums = windows(q, o, 0).sum(axis=(4, 5))
    count = np.full(sums.shape[2:], o.kernel_h * o.kernel_w)
    if o.kind == "average":
        count = windows(np.ones_like(q[:1, :1]), o, 0).sum(axis=(4, 5))[0, 0]
    scales = {int(n): i8.factor([x.scale], [y.scale, int(n)]) for n in np.unique(count)}
    means = i8.real(sums) * np.vectorize(scales.__getitem__, otypes=[np.float32])(count)
    return i8.to_code(means, y, op.activation)


OPERATOR = Operator(
    "Pool",
    PoolOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    terms=lambda op: int(op.options.kernel_h * op.options.kernel_w),
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    exact=exact,
)
