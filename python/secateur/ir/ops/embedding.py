"""Rows of a table by number, as planes: the features of a token on the channels; without a table the numbers
themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import EmbeddingOptions
from secateur.ir.types import DType, Layout, TensorType


def rule(x: Sequence[TensorType], o: EmbeddingOptions, y: TensorType) -> TensorType:
    batch, channels, height, width = y.shape
    if o.rows is None:
        require(x[0].dtype is not DType.F32, "numbers are integers already")
        require(channels == 1, f"a number is not {channels} channels")
    else:
        require(o.rows.ndim == 2 and min(o.rows.shape) > 0, "a table has two dimensions")
        require(channels == o.rows.shape[1], f"rows of {o.rows.shape[1]} are not {channels} channels")
    require(batch * height * width == math.prod(x[0].shape), "one position for each number")
    return TensorType(y.shape)


def definition(inputs: Sequence[Floats], o: EmbeddingOptions, y: TensorType) -> Floats:
    ids = np.asarray(inputs[0])
    if o.rows is None:
        kept = ids.dtype if ids.dtype == np.float64 else np.float32
        return ids.astype(kept).reshape(y.shape)
    numbers = ids.astype(np.int64).reshape(y.shape[0], -1)
    numbers = np.where((numbers >= 0) & (numbers < o.rows.shape[0]), numbers, 0)
    return np.ascontiguousarray(o.rows[numbers].transpose(0, 2, 1)).reshape(y.shape)


OPERATOR = Operator(
    "Embedding",
    EmbeddingOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=(DType.I32, DType.I64, DType.BOOL, DType.F32),
    layouts=(Layout.ROW_MAJOR,),
    fuses_activation=False,
)
