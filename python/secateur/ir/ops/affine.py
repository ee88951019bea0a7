"""``scale[c] * x + shift[c]``: batch normalisation at inference, until a pass folds it away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import AffineOptions
from secateur.ir.types import TensorType


def rule(x: Sequence[TensorType], o: AffineOptions, _: TensorType) -> TensorType:
    channels = x[0].shape[1]
    require(o.scale.shape == o.shift.shape == (channels,), "scale and shift are per channel")
    return x[0].with_shape(x[0].shape)


def definition(inputs: Sequence[Floats], o: AffineOptions, _: TensorType) -> Floats:
    dtype = inputs[0].dtype
    return np.asarray(inputs[0] * o.scale.astype(dtype)[:, None, None] + o.shift.astype(dtype)[:, None, None])


OPERATOR = Operator("Affine", AffineOptions, arity=(1, 1), rule=rule, definition=definition, in_file=False)
