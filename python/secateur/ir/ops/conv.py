"""Convolution over rows and columns; linear layers and 1x1 convolutions are its smallest case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.graph import Op
from secateur.ir.operator import Floats, Operator, absolute_sum, require
from secateur.ir.options import ConvOptions
from secateur.ir.shapes import same_planes
from secateur.ir.types import TensorType
from secateur.ir.window import window_grid, windows


def rule(x: Sequence[TensorType], w: ConvOptions, _: TensorType) -> TensorType:
    rows, cols = w.weight.shape
    batch, channels = x[0].shape[:2]
    taps = w.kernel_h * w.kernel_w
    require(rows % w.groups == 0 and channels % w.groups == 0, "channels are not divisible by the groups")
    require(cols == channels // w.groups * taps, "the weight has another number of columns than its input")
    require(w.bias is None or w.bias.shape == (rows,), "the bias has another length than the rows")
    y = (batch, rows, *window_grid(x[0].shape, w))
    require(len(x) == 1 or same_planes(x[1].shape, y), "the residual has another shape than the output")
    return x[0].with_shape(y)


def definition(inputs: Sequence[Floats], o: ConvOptions, _: TensorType) -> Floats:
    x = inputs[0]
    batch, channels = x.shape[:2]
    views = windows(x, o, 0.0)
    out_h, out_w = views.shape[2:4]
    columns = views.transpose(0, 1, 4, 5, 2, 3).reshape(batch, o.groups, -1, out_h * out_w)
    weight = o.weight.astype(x.dtype).reshape(o.groups, -1, o.weight.shape[1])
    y = np.matmul(weight, columns).reshape(batch, -1, out_h, out_w)
    assert channels * o.kernel_h * o.kernel_w == o.groups * o.weight.shape[1]
    if o.bias is not None:
        y = y + o.bias.astype(x.dtype)[:, None, None]
    return np.asarray(y + inputs[1].reshape(y.shape) if len(inputs) > 1 else y)


def macs(op: Op) -> int:
    return op.output.batch * op.output.positions * int(op.options.weight.size)


OPERATOR = Operator(
    "Conv",
    ConvOptions,
    arity=(1, 2),
    rule=rule,
    definition=definition,
    terms=lambda op: int(op.options.weight.shape[1]),
    magnitude=absolute_sum(definition),
    macs=macs,
    in_place=1,
)
