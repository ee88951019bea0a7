"""Arithmetic between tensors and constants, with NumPy's broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur.frontend.onnx.readers.activation import first_of
from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import binary, choose, integers, power, scores, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Unsupported

_KINDS = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}
_MANY = {"Max": "max", "Min": "min", "Sum": "add", "Mean": "add"}


def operand(a: Args, at: int) -> Any:
    """A constant, scores, or a tensor of float32."""
    return a.value(at) if isinstance(a.raw(at), (np.ndarray, Scores)) else a.floats(at)


@reads(*_KINDS)
def arithmetic(b: Builder, a: Args) -> Tensor | Scores:
    if a.op == "Div" and a.whole(0):
        raise Unsupported("a division of integers")
    return binary.combine(b, operand(a, 0), operand(a, 1), _KINDS[a.op])


@reads(*_MANY)
def of_many(b: Builder, a: Args) -> Any:
    y = operand(a, 0)
    for at in range(1, a.count):
        y = _with(b, y, operand(a, at), _MANY[a.op])
    return _with(b, y, np.array(1 / a.count, np.float32), "mul") if a.op == "Mean" and a.count > 1 else y


def _with(b: Builder, x: Any, y: Any, kind: str) -> Any:
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        functions = {"max": np.maximum, "min": np.minimum, "add": np.add, "mul": np.multiply}
        return functions[kind](x, y)
    return binary.combine(b, x, y, kind)


@reads("Neg")
def negative(b: Builder, a: Args) -> Tensor:
    return binary.negative(b, a.floats())


@reads("Reciprocal")
def reciprocal(b: Builder, a: Args) -> Tensor:
    return binary.reciprocal(b, a.floats())


@reads("Pow")
def power_(b: Builder, a: Args) -> Tensor:
    if isinstance(a.raw(1), np.ndarray):
        return power.power(b, a.floats(), first_of(a.raw(1)))
    if isinstance(a.raw(0), np.ndarray):
        return power.exponential(b, first_of(a.raw(0)), a.floats(1))
    raise Unsupported("a power of two computed tensors")


@reads("Where")
def where(b: Builder, a: Args) -> Tensor | Scores:
    """By a condition that is a constant or computed; a constant one over attention scores is a mask."""
    if not isinstance(a.raw(0), np.ndarray):
        x, y = (a.floats(i) if isinstance(a.raw(i), Scores) else a.value(i) for i in (1, 2))
        return integers.select(b, a.floats(0), x, y)
    condition = a.raw_const(0)
    for at, chosen in ((1, condition), (2, ~condition)):
        if isinstance(a.raw(3 - at), Scores) and isinstance(a.raw(at), np.ndarray):
            try:
                return scores.masked_fill(a.raw(3 - at), chosen, first_of(a.raw(at)))
            except Unsupported:
                if not b.escape:
                    raise
    x, y = (a.value(i) if isinstance(a.raw(i), np.ndarray) else a.floats(i) for i in (1, 2))
    size = list(np.broadcast_shapes(condition.shape, tuple(x.shape), tuple(y.shape)))
    full = [shape.expand(b, v, size) if isinstance(v, Tensor) else v for v in (x, y)]
    return choose.choose(b, np.broadcast_to(condition, size), *full)
