"""Some channels, rows and columns. Where they end, the output's shape says. Of i8: the codes."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator, require
from secateur.ir.options import SliceOptions
from secateur.ir.types import Codes, TensorType


def rule(x: Sequence[TensorType], o: SliceOptions, y: TensorType) -> TensorType:
    whole, part = x[0].shape, y.shape
    last = (
        o.channel_begin + part[1],
        o.row_begin + (part[2] - 1) * o.row_step + 1,
        o.col_begin + (part[3] - 1) * o.col_step + 1,
    )
    require(
        whole[0] == part[0] and all(end <= size for end, size in zip(last, whole[1:], strict=True)),
        f"the slice reaches {last} of {whole[1:]}",
    )
    return x[0].with_shape(part)


def definition(inputs: Sequence[Floats], o: SliceOptions, y: TensorType) -> Floats:
    _, channels, height, width = y.shape
    rows = slice(o.row_begin, o.row_begin + (height - 1) * o.row_step + 1, o.row_step)
    cols = slice(o.col_begin, o.col_begin + (width - 1) * o.col_step + 1, o.col_step)
    return inputs[0][:, o.channel_begin : o.channel_begin + channels, rows, cols]


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    return definition(inputs, op.options, op.output.type)


OPERATOR = Operator(
    "Slice",
    SliceOptions,
    arity=(1, 1),
    rule=rule,
    definition=definition,
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    moves_only=True,
    exact=exact,
)
