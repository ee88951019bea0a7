"""Convolution over rows and columns; linear layers and 1x1 convolutions are its smallest case.

A weight is f32, or f16, or i8 with a scale a row; beside f32 activations the last two only store it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir import quantised as i8
from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator, absolute_sum, require
from secateur.ir.options import ConvOptions
from secateur.ir.shapes import same_planes
from secateur.ir.types import Codes, TensorType
from secateur.ir.window import window_grid, windows


def rule(x: Sequence[TensorType], w: ConvOptions, out: TensorType) -> TensorType:
    rows, cols = w.weight.shape
    batch, channels = x[0].shape[:2]
    taps = w.kernel_h * w.kernel_w
    require(rows % w.groups == 0 and channels % w.groups == 0, "channels are not divisible by the groups")
    require(cols == channels // w.groups * taps, "the weight has another number of columns than its input")
    require(w.bias is None or w.bias.shape == (rows,), "the bias has another length than the rows")
    require(w.scales is None or w.scales.shape == (rows,), "there is not one scale for each row")
    y = (batch, rows, *window_grid(x[0].shape, w))
    require(len(x) == 1 or same_planes(x[1].shape, y), "the residual has another shape than the output")
    return x[0].made(y, out)


def products(x: Floats, weight: Floats, o: ConvOptions) -> Floats:
    """The sums of products, padded with zeros, in the dtype of x."""
    batch, channels = x.shape[:2]
    views = windows(x, o, 0.0)
    out_h, out_w = views.shape[2:4]
    columns = views.transpose(0, 1, 4, 5, 2, 3).reshape(batch, o.groups, -1, out_h * out_w)
    grouped = weight.astype(x.dtype).reshape(o.groups, -1, weight.shape[1])
    assert channels * o.kernel_h * o.kernel_w == o.groups * weight.shape[1]
    return np.asarray(np.matmul(grouped, columns).reshape(batch, -1, out_h, out_w))


def definition(inputs: Sequence[Floats], o: ConvOptions, _: TensorType) -> Floats:
    x = inputs[0]
    y = products(x, i8.decoded(o.weight, o.scales), o)
    if o.bias is not None:
        y = y + o.bias.astype(x.dtype)[:, None, None]
    return np.asarray(y + inputs[1].reshape(y.shape) if len(inputs) > 1 else y)


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    """i8: int32 sums, rescaled, the residual added, rounded and saturated once. Padding is the zero point."""
    o, x, y = op.options, op.inputs[0].type, op.output.type
    q = i8.centred(inputs[0], x)
    sums = products(q.astype(i8.summing(o.weight, q)), o.weight, o).astype(np.int64)
    if o.bias is not None:
        sums = sums + o.bias.astype(np.int64)[:, None, None]
    t = i8.real(sums) * i8.factors(x.scale, o.scales, y.scale)[:, None, None]
    if len(inputs) > 1:
        r = op.inputs[1].type
        added = i8.centred(inputs[1], r).astype(np.float32) * i8.factor([r.scale], [y.scale])
        t = t + added.reshape(t.shape)
    return i8.to_code(t, y, op.activation)


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
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    in_place=1,
    exact=exact,
)
