"""Each position's channels to mean 0 and variance 1, then scaled and shifted (Ba et al., 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import LayerNormOptions
from secateur.ir.types import TensorType


def rule(x: Sequence[TensorType], w: LayerNormOptions, _: TensorType) -> TensorType:
    channels = x[0].shape[1]
    require(
        all(p is None or p.shape == (channels,) for p in (w.gamma, w.beta)), "gamma and beta are per channel"
    )
    return x[0].with_shape(x[0].shape)


def definition(inputs: Sequence[Floats], o: LayerNormOptions, _: TensorType) -> Floats:
    x = inputs[0]
    mean = x.mean(axis=1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    y = (x - mean) / np.sqrt(variance + x.dtype.type(o.epsilon))
    if o.gamma is not None:
        y = y * o.gamma.astype(x.dtype)[:, None, None]
    return np.asarray(y if o.beta is None else y + o.beta.astype(x.dtype)[:, None, None])


OPERATOR = Operator(
    "LayerNorm",
    LayerNormOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    terms=lambda op: op.inputs[0].channels,
)
