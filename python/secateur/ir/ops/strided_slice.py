"""Part of a row-major tensor: every step-th element from a beginning, per dimension."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import StridedSliceOptions
from secateur.ir.types import DType, Layout, TensorType


def rule(x: Sequence[TensorType], o: StridedSliceOptions, y: TensorType) -> TensorType:
    whole, part = x[0].shape, y.shape
    require(len(whole) == len(part) == len(o.begin) == len(o.step), "one beginning and step per dimension")
    require(
        all(s >= 1 for s in o.step) and all(b >= 0 for b in o.begin), "beginnings and steps count forwards"
    )
    last = tuple(b + (size - 1) * s + 1 for b, size, s in zip(o.begin, part, o.step, strict=True))
    require(
        all(end <= size for end, size in zip(last, whole, strict=True)),
        f"the slice reaches {last} of {whole}",
    )
    return x[0].with_shape(part)


def definition(inputs: Sequence[Floats], o: StridedSliceOptions, y: TensorType) -> Floats:
    ranges = zip(o.begin, y.shape, o.step, strict=True)
    return inputs[0][tuple(slice(b, b + (size - 1) * s + 1, s) for b, size, s in ranges)]


OPERATOR = Operator(
    "StridedSlice",
    StridedSliceOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=tuple(DType),
    layouts=(Layout.ROW_MAJOR,),
    moves_only=True,
    fuses_activation=False,
)
