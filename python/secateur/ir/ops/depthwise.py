"""Depthwise convolution: one filter per channel. Weights as those of Conv, a row a filter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir import quantised as i8
from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator, absolute_sum, require
from secateur.ir.options import DepthwiseOptions
from secateur.ir.types import Codes, TensorType
from secateur.ir.window import window_grid, windows


def rule(x: Sequence[TensorType], w: DepthwiseOptions, y: TensorType) -> TensorType:
    batch, channels = x[0].shape[:2]
    require(w.weight.shape == (channels, w.kernel_h, w.kernel_w), "one filter per channel is needed")
    require(w.bias is None or w.bias.shape == (channels,), "the bias has another length than the channels")
    require(w.scales is None or w.scales.shape == (channels,), "there is not one scale for each channel")
    return x[0].made((batch, channels, *window_grid(x[0].shape, w)), y)


def definition(inputs: Sequence[Floats], o: DepthwiseOptions, _: TensorType) -> Floats:
    x = inputs[0]
    y: Floats = np.einsum(
        "bcijrs,crs->bcij", windows(x, o, 0.0), i8.decoded(o.weight, o.scales).astype(x.dtype)
    )
    return y if o.bias is None else y + o.bias.astype(x.dtype)[:, None, None]


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    """i8: as of Conv, without a residual."""
    o, x, y = op.options, op.inputs[0].type, op.output.type
    views = windows(i8.centred(inputs[0], x), o, 0)
    sums = np.zeros(op.output.shape, np.int64)
    for r in range(o.kernel_h):
        for s in range(o.kernel_w):
            sums += o.weight[:, r, s].astype(np.int64)[:, None, None] * views[..., r, s]
    if o.bias is not None:
        sums += o.bias.astype(np.int64)[:, None, None]
    t = i8.real(sums) * i8.factors(x.scale, o.scales, y.scale)[:, None, None]
    return i8.to_code(t, y, op.activation)


def macs(op: Op) -> int:
    return op.output.batch * op.output.positions * int(op.options.weight.size)


OPERATOR = Operator(
    "Depthwise",
    DepthwiseOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    terms=lambda op: int(op.options.kernel_h * op.options.kernel_w),
    magnitude=absolute_sum(definition),
    macs=macs,
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    exact=exact,
)
