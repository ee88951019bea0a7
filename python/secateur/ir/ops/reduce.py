"""Sum, mean, maximum or minimum over any dimensions of a row-major tensor, which stay with size 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from secateur.ir.graph import Op
from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import ReduceOptions
from secateur.ir.types import Layout, TensorType

FUNCTIONS: dict[str, Callable[..., Any]] = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}


def rule(x: Sequence[TensorType], o: ReduceOptions, _: TensorType) -> TensorType:
    rank = len(x[0].shape)
    require(o.kind in FUNCTIONS, f"there is no reduction {o.kind!r}")
    require(
        len(set(o.axes)) == len(o.axes) > 0 and all(0 <= a < rank for a in o.axes),
        f"{o.axes} are not dimensions of a tensor of {rank}",
    )
    return x[0].with_shape(tuple(1 if i in o.axes else size for i, size in enumerate(x[0].shape)))


def definition(inputs: Sequence[Floats], o: ReduceOptions, _: TensorType) -> Floats:
    return np.asarray(FUNCTIONS[o.kind](inputs[0], axis=o.axes, keepdims=True))


def magnitude(inputs: Sequence[Floats], o: ReduceOptions, y: TensorType, exact: Floats) -> Floats:
    """Twice the sum of absolute values, whatever cancels; of a maximum or minimum twice itself."""
    return 2 * (np.abs(exact) if o.kind in ("max", "min") else definition([np.abs(inputs[0])], o, y))


def terms(op: Op) -> int:
    return math.prod(op.inputs[0].shape[a] for a in op.options.axes)


OPERATOR = Operator(
    "Reduce",
    ReduceOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    layouts=(Layout.ROW_MAJOR,),
    terms=terms,
    magnitude=magnitude,
)
