"""Arithmetic of two planes, of planes and a factor per channel, or of planes and a constant; of row-major
tensors and constants, with NumPy's broadcasting. Of i8: sums, differences and products of two planes, or of
planes and a factor per channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir import quantised as i8
from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, Floats, Operator, require
from secateur.ir.options import BinaryOptions
from secateur.ir.shapes import broadcast, same_planes
from secateur.ir.types import Codes, DType, Layout, TensorType

FUNCTIONS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
}
OF_I8 = ("add", "sub", "mul")


def rule(x: Sequence[TensorType], w: BinaryOptions, out: TensorType) -> TensorType:
    a = x[0].shape
    require((len(x) == 1) == (w.constant is not None), "either a second input or a constant")
    if x[0].layout is Layout.ROW_MAJOR:
        other = x[1].shape if w.constant is None else w.constant.shape
        y = broadcast(a, other)
        require(y is not None, f"{a} and {other} do not broadcast")
        assert y is not None
        return x[0].with_shape(y)
    if x[0].dtype is DType.I8:
        require(w.constant is None and w.kind in OF_I8, "i8: two tensors are added, subtracted or multiplied")
    if w.constant is not None:
        sizes = (1, a[1], a[1] * a[2] * a[3])
        require(
            w.constant.ndim == 1 and w.constant.size in sizes, "the constant has another size than its input"
        )
    else:
        b = x[1].shape
        per_channel = b[1:] == (a[1], 1, 1) and b[0] in (1, a[0])
        require(same_planes(b, a) or per_channel, "the second input has another shape")
    return x[0].made(a, out)


def definition(inputs: Sequence[Floats], o: BinaryOptions, y: TensorType) -> Floats:
    a = inputs[0]
    if y.layout is Layout.ROW_MAJOR:
        b: Floats = inputs[1] if o.constant is None else o.constant.astype(a.dtype)
    elif o.constant is not None:
        b = o.constant.astype(a.dtype)
        if b.size == a.shape[1] and b.size != 1:
            b = b.reshape(1, -1, 1, 1)
        elif b.size != 1:
            b = b.reshape(1, *a.shape[1:])
    else:
        b = inputs[1] if inputs[1].shape[2:] == (1, 1) else inputs[1].reshape(a.shape)
    if o.reversed:
        a, b = b, a
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(FUNCTIONS[o.kind](a, b))


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    """i8: each operand rescaled, then added; or the exact product rescaled."""
    o, x, y = op.options, [value.type for value in op.inputs], op.output.type
    a = i8.centred(inputs[0], x[0])
    b = i8.centred(inputs[1], x[1])
    b = b if b.shape[2:] == (1, 1) else b.reshape(a.shape)
    if o.kind == "mul":
        t = i8.real(a * b) * i8.factor([x[0].scale, x[1].scale], [y.scale])
        return i8.to_code(t, y, op.activation)
    left = i8.real(a) * i8.factor([x[0].scale], [y.scale])
    right = i8.real(b) * i8.factor([x[1].scale], [y.scale])
    if o.reversed:
        left, right = right, left
    return i8.to_code(np.asarray(FUNCTIONS[o.kind](left, right)), y, op.activation)


OPERATOR = Operator(
    "Binary",
    BinaryOptions,
    arity=(1, 2),
    rule=rule,
    definition=definition,
    dtypes=F32_OR_I8,
    layouts=(Layout.PLANES, Layout.PLANES4, Layout.ROW_MAJOR),
    in_place=0,
    exact=exact,
)
