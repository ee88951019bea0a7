"""Products of two computed row-major tensors over their last two dimensions; the others broadcast."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from secateur.ir.graph import Op
from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import MatMulOptions
from secateur.ir.shapes import broadcast
from secateur.ir.types import Layout, Shape, TensorType


def _matrix(shape: Shape, transposed: bool) -> tuple[int, int]:
    return (shape[-1], shape[-2]) if transposed else (shape[-2], shape[-1])


def rule(x: Sequence[TensorType], o: MatMulOptions, _: TensorType) -> TensorType:
    a, b = (t.shape for t in x)
    require(len(a) >= 2 and len(b) >= 2, "each operand has two dimensions or more")
    (rows, depth), (inner, cols) = _matrix(a, o.transpose_a), _matrix(b, o.transpose_b)
    require(depth == inner, f"a has {depth} columns and b {inner} rows")
    lead = broadcast(a[:-2], b[:-2])
    require(lead is not None, f"{a[:-2]} and {b[:-2]} do not broadcast")
    assert lead is not None
    return x[0].with_shape((*lead, rows, cols))


def definition(inputs: Sequence[Floats], o: MatMulOptions, _: TensorType) -> Floats:
    a, b = inputs
    a = a.swapaxes(-1, -2) if o.transpose_a else a
    b = b.swapaxes(-1, -2) if o.transpose_b else b
    return np.asarray(np.matmul(a, b))


def magnitude(inputs: Sequence[Floats], o: MatMulOptions, y: TensorType, _: Floats) -> Floats:
    """``2 sum |a| |b|``"""
    return 2 * definition([np.abs(x) for x in inputs], o, y)


def terms(op: Op) -> int:
    return _matrix(op.inputs[0].shape, op.options.transpose_a)[1]


OPERATOR = Operator(
    "MatMul",
    MatMulOptions,
    arity=(2, 2),
    rule=rule,
    definition=definition,
    layouts=(Layout.ROW_MAJOR,),
    terms=terms,
    magnitude=magnitude,
    macs=lambda op: math.prod(op.output.shape) * terms(op),
)
