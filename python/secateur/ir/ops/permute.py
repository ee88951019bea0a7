"""Any order of the elements that a permutation of dimensions gives, between any two layouts.

The only operator that changes the layout: its input, planes or row-major, is read in the order of its shape,
and its output, planes or row-major, is filled in the order of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import PermuteOptions
from secateur.ir.permutation import possible
from secateur.ir.types import MOST_DIMS, DType, Layout, TensorType


def rule(x: Sequence[TensorType], o: PermuteOptions, y: TensorType) -> TensorType:
    require(math.prod(o.shape) == x[0].size, f"{x[0].size} elements cannot be viewed as {o.shape}")
    require(
        sorted(o.order) == list(range(len(o.shape))), f"{o.order} is no order of {len(o.shape)} dimensions"
    )
    require(y.size == x[0].size, "the output has another number of elements")
    require(y.layout in (Layout.PLANES, Layout.ROW_MAJOR), "it makes planes or row-major tensors")
    require(len(o.shape) <= MOST_DIMS, f"it has more than {MOST_DIMS} dimensions")
    require(possible(x[0], (o.shape, o.order), y), "an axis of planes is cut elsewhere than its dimensions")
    return TensorType(y.shape, x[0].dtype, y.layout)


def definition(inputs: Sequence[Floats], o: PermuteOptions, y: TensorType) -> Floats:
    return np.ascontiguousarray(inputs[0].reshape(o.shape).transpose(o.order)).reshape(y.shape)


OPERATOR = Operator(
    "Permute",
    PermuteOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=tuple(DType),
    layouts=(Layout.PLANES, Layout.ROW_MAJOR),
    moves_only=True,
    fuses_activation=False,
)
