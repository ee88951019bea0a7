"""Comparisons, logic, counts and places: on whole numbers and truth values, which are held as float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur.frontend.onnx.readers.elementwise import operand
from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import binary, gather, integers, order, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported

_COMPARISONS = {"Equal": "eq", "Less": "lt", "Greater": "gt", "LessOrEqual": "le", "GreaterOrEqual": "ge"}


def _held(a: Args, at: int) -> Any:
    """An operand that may be scores, as a tensor."""
    return a.value(at) if isinstance(a.raw(at), np.ndarray) else a.floats(at)


@reads(*_COMPARISONS)
def comparison(b: Builder, a: Args) -> Tensor:
    return integers.compare(b, _held(a, 0), _held(a, 1), _COMPARISONS[a.op], whole=a.whole(0, 1))


@reads("And", "Or", "Xor")
def logic(b: Builder, a: Args) -> Tensor:
    x, y = operand(a, 0), operand(a, 1)
    if a.op == "Xor":
        return integers.compare(b, x, y, "ne", whole=True)
    return integers.both(b, x, y) if a.op == "And" else integers.either(b, x, y)


@reads("IsNaN", "IsInf")
def kind_of_number(b: Builder, a: Args) -> Tensor:
    """IsInf of both infinities, or of one."""
    x = a.floats()
    if a.op == "IsNaN":
        return integers.special(b, x, "isnan")
    signs = a.integer("detect_positive", 1), a.integer("detect_negative", 1)
    there = integers.special(b, x, "isinf")
    if all(signs):
        return there
    if not any(signs):
        return b.binary_constant(there, "mul", binary.number(0))
    held = b.unary(order.where_not_nan(b, x, 0.0), "clamp", -integers.LARGEST, integers.LARGEST)
    return integers.both(b, there, integers.compare(b, held, 0.0, "gt" if signs[0] else "lt", whole=False))


@reads("Not")
def opposite(b: Builder, a: Args) -> Tensor:
    return integers.opposite(b, a.floats())


@reads("ArgMax", "ArgMin")
def place(b: Builder, a: Args) -> Tensor:
    x, axis = a.floats(), a.integer("axis", 0) % a.tensor().rank
    last = bool(a.integer("select_last_index"))
    if a.op == "ArgMin":
        x = binary.negative(b, x)
    if last:  # the first one from behind
        x = gather.flip(b, x, [axis])
    y = integers.arg_max(b, x, axis, bool(a.integer("keepdims", 1)))
    return b.binary_constant(y, "sub", binary.number(x.shape[axis] - 1), True) if last else y


@reads("OneHot")
def one_hot(b: Builder, a: Args) -> Tensor:
    """One value where the number is the place, the other elsewhere; numbers from -depth on."""
    index, depth = a.floats(), int(a.raw_const(1).reshape(-1)[0])
    off, on = (float(v) for v in a.const(2))
    if not a.whole(0):
        raise Unsupported("places that are no integers")
    below = integers.compare(b, index, np.zeros(1, np.float32), "lt", whole=True)
    index = binary.two_tensors(b, index, b.binary_constant(below, "mul", binary.number(depth)), "add")
    chosen = integers.one_hot(b, index, depth)
    y = b.binary_constant(chosen, "mul", binary.number(on - off))
    y = b.binary_constant(y, "add", binary.number(off))
    axis = a.integer("axis", -1) % y.rank
    order = list(range(y.rank - 1))
    order.insert(axis, y.rank - 1)
    return shape.permute(y, order)
