"""Rows of a table by number, as planes: the features of a token on the channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import EmbeddingOptions
from secateur.ir.types import DType, Layout, TensorType


def rule(x: Sequence[TensorType], o: EmbeddingOptions, y: TensorType) -> TensorType:
    require(o.rows.ndim == 2 and min(o.rows.shape) > 0, "a table has two dimensions")
    batch, channels, height, width = y.shape
    require(channels == o.rows.shape[1], f"rows of {o.rows.shape[1]} are not {channels} channels")
    require(batch * height * width == math.prod(x[0].shape), "one position for each number")
    return TensorType(y.shape)


def definition(inputs: Sequence[Floats], o: EmbeddingOptions, y: TensorType) -> Floats:
    picked = o.rows[np.asarray(inputs[0]).astype(np.int64).reshape(y.shape[0], -1)]
    return np.ascontiguousarray(picked.transpose(0, 2, 1)).reshape(y.shape)


OPERATOR = Operator(
    "Embedding",
    EmbeddingOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=(DType.I32, DType.I64),
    layouts=(Layout.ROW_MAJOR,),
    fuses_activation=False,
)
