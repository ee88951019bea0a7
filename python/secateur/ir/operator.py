"""What a row of the operator table says. The rows stand in ops/, one file per operator."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir.graph import Op
from secateur.ir.options import Options
from secateur.ir.types import Codes, DType, Layout, TensorType

Floats = NDArray[Any]

# (types of the inputs, options, type that the output says it has) -> the type that it must have. The output
# says what the file form of Slice and Pad does not: where they end.
TypeRule = Callable[[Sequence[TensorType], Any, TensorType], TensorType]
# (inputs, options, type of the output) -> the output, without activation.
Definition = Callable[[Sequence[Floats], Any, TensorType], Floats]
# The stored bytes of the inputs -> those of the output, activation included (ir/quantised.py).
Exact = Callable[[Op, Sequence[Codes]], Codes]
# The same with absolute values: what one relative rounding of every term amounts to, by element.
Magnitude = Callable[[Sequence[Floats], Any, TensorType, Floats], Floats]


# What a row with kernels for i8 takes: f32 in planes, i8 in planes4.
IMAGES = (Layout.PLANES, Layout.PLANES4)
F32_OR_I8 = (DType.F32, DType.I8)


class TypeRuleError(ValueError):
    """Inputs that an operator cannot take; the verifier adds where."""


def require(condition: bool, text: str) -> None:
    """Raises TypeRuleError with that text unless the condition holds."""
    if not condition:
        raise TypeRuleError(text)


def largest_magnitude(inputs: Sequence[Floats], _: Any, __: TensorType, exact: Floats) -> Floats:
    """Four times the largest finite number that goes in or comes out, for every element."""
    finite = [np.abs(x[np.isfinite(x)]).max(initial=0.0) for x in (*inputs, exact)]
    return np.full(exact.shape, 4 * max(finite))


def absolute_sum(definition: Definition) -> Magnitude:
    """``2 sum |w| |x| + |b|`` of an operator with a weight and a bias: what is added, whatever cancels."""

    def magnitude(inputs: Sequence[Floats], options: Any, y: TensorType, _: Floats) -> Floats:
        absolute = copy.copy(options)
        absolute.weight = np.abs(options.weight)
        absolute.bias = None if options.bias is None else np.abs(options.bias)
        return np.asarray(2 * definition([np.abs(x) for x in inputs], absolute, y))

    return magnitude


def one_term(_: Op) -> int:
    return 1


def no_weights(_: Op) -> int:
    return 0


def same_type(x: Sequence[TensorType], _: Any, __: TensorType) -> TensorType:
    """The type of the first input."""
    return x[0].with_shape(x[0].shape)


@dataclass(frozen=True)
class Operator:
    """A row of the table: everything that is known of an operator.

    `definition` is written to be read, in the dtype of its inputs. Float errors stay within
    ``(terms + slack) 2^-24 magnitude`` (verify/bounds.py, docs/numerics.md). `exact` is the definition where
    the input is i8 (in planes4): every instruction set gives its bits.
    """

    kind: str
    options: type[Options]
    arity: tuple[int, int]  # least and most inputs
    rule: TypeRule
    definition: Definition
    dtypes: tuple[DType, ...] = (DType.F32,)  # of inputs
    layouts: tuple[Layout, ...] = (Layout.PLANES,)  # of inputs
    terms: Callable[[Op], int] = one_term  # products or sums that make one element
    magnitude: Magnitude = largest_magnitude
    macs: Callable[[Op], int] = no_weights  # multiply-adds of a dense run
    moves_only: bool = False  # computes nothing: its name says for which layer it moves data
    fuses_activation: bool = True
    in_file: bool = True  # False: of the compiler only
    in_place: int | None = None  # the input whose memory the output may take
    exact: Exact | None = None  # of i8, to the bit; None where the operator takes no i8

    def takes(self, x: TensorType) -> bool:
        """Whether an input may be of that dtype and layout. Who takes planes of f32 takes those of f16: their
        numbers are as the definition has them, within rounding (docs/numerics.md)."""
        if x.layout not in self.layouts:
            return False
        f16_for_f32 = x.halved and x.layout is Layout.PLANES
        return (DType.F32 if f16_for_f32 else x.dtype) in self.dtypes
