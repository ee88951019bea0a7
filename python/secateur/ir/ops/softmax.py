"""Softmax over the channels of each position."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.operator import Floats, Operator, same_type
from secateur.ir.options import SoftmaxOptions
from secateur.ir.softmax import softmax
from secateur.ir.types import Shape


def definition(inputs: Sequence[Floats], _: SoftmaxOptions, __: Shape) -> Floats:
    return softmax(inputs[0], axis=1)


OPERATOR = Operator(
    "Softmax",
    SoftmaxOptions,
    arity=(1, 1),
    rule=same_type,
    definition=definition,
    terms=lambda op: op.inputs[0].channels,
    fuses_activation=False,
)
