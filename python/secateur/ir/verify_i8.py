"""What must hold of an operator with i8 inputs beyond its type rule, and which arrays it may have."""

from __future__ import annotations

import numpy as np

from secateur.ir.graph import Op
from secateur.ir.quantised import NARROWING, factors, may_overflow
from secateur.ir.types import DType, Layout

# A quotient of scales: an int32 sum times it stays finite in f32.
LARGEST_FACTOR = 2.0**64


def array_dtypes(op: Op, field: str) -> tuple[np.dtype[np.generic], ...]:
    """The dtypes that an array of that operator may have."""
    quantised = bool(op.inputs) and op.inputs[0].type.dtype is DType.I8
    if field.endswith("_index"):
        return (np.dtype(np.uint32),)
    if field == "table":
        return (np.dtype(np.int8),)
    if field == "bias" and quantised:
        return (np.dtype(np.int32),)
    if field != "weight":
        return (np.dtype(np.float32),)
    if getattr(op.options, "scales", None) is not None:
        return (np.dtype(np.int8),)
    return (np.dtype(np.float32), np.dtype(np.float16))


def fault_of_codes(op: Op) -> str:
    """What is wrong with an operator's dtypes, scales and weights; "" where nothing is."""
    dtypes = {value.type.dtype for value in op.inputs}
    if len(dtypes) > 1:
        return f"its inputs are of {' and '.join(sorted(map(str, dtypes)))}: one dtype is needed"
    scales = getattr(op.options, "scales", None)
    if scales is not None:
        if not bool(np.all(np.isfinite(scales) & (scales > 0))):
            return "a scale of its weight is zero, negative or not finite"
        if op.options.weight.min(initial=0) < -127:
            return "a weight's code is -128; they are symmetric, -127 to 127"
    if dtypes != {DType.I8}:
        return ""
    for value in op.inputs:
        if value.type.layout is not Layout.PLANES4:
            return f"{value} is i8 in {value.type.layout}, not planes4"
    if op.activation.kind not in NARROWING:
        return f"i8 operators apply {', '.join(NARROWING)}; {op.activation} is a table of a Unary"
    if op.kind in ("Conv", "Depthwise"):
        return _fault_of_sums(op)
    return ""


def _fault_of_sums(op: Op) -> str:
    o, x, y = op.options, op.inputs[0].type, op.output.type
    if o.scales is None:
        return "it has i8 inputs and a weight without scales"
    terms = o.weight[0].size if len(o.weight) else 0
    if may_overflow(terms, o.bias):
        return f"sums of {terms} products and its bias may pass 2^31 - 1"
    if not bool(np.all(factors(x.scale, o.scales, y.scale) < LARGEST_FACTOR)):
        return "a quotient of scales is 2^64 or more"
    return ""
