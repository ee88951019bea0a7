"""Depthwise convolution: one filter per channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.graph import Op
from secateur.ir.operator import Floats, Operator, absolute_sum, require
from secateur.ir.options import DepthwiseOptions
from secateur.ir.types import TensorType
from secateur.ir.window import window_grid, windows


def rule(x: Sequence[TensorType], w: DepthwiseOptions, _: TensorType) -> TensorType:
    batch, channels = x[0].shape[:2]
    require(w.weight.shape == (channels, w.kernel_h, w.kernel_w), "one filter per channel is needed")
    require(w.bias is None or w.bias.shape == (channels,), "the bias has another length than the channels")
    return x[0].with_shape((batch, channels, *window_grid(x[0].shape, w)))


def definition(inputs: Sequence[Floats], o: DepthwiseOptions, _: TensorType) -> Floats:
    x = inputs[0]
    y: Floats = np.einsum("bcijrs,crs->bcij", windows(x, o, 0.0), o.weight.astype(x.dtype))
    return y if o.bias is None else y + o.bias.astype(x.dtype)[:, None, None]


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
)
