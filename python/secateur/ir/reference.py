"""Runs operators and graphs by their NumPy definitions, for tests and for finding the layer that is off.

Arrays are ``[batch, channels, height, width]``; the arithmetic is done in the dtype of the inputs, so float64
inputs give a yardstick for float32 kernels. i8 values are their stored bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.activation import activate
from secateur.ir.graph import Graph, Op
from secateur.ir.operator import Floats
from secateur.ir.ops import OPERATORS
from secateur.ir.types import DType


def is_exact(op: Op) -> bool:
    """Whether i8 goes in or comes out, so that the definition gives the bits."""
    return DType.I8 in {value.type.dtype for value in (*op.inputs, op.output)}


def run_op(op: Op, inputs: Sequence[Floats]) -> Floats:
    """The result of one operator, activation included. i8 is given and returned as stored."""
    if is_exact(op):
        exact = OPERATORS[op.kind].exact
        assert exact is not None, op.kind
        return np.asarray(exact(op, inputs)).reshape(op.output.shape)
    result = OPERATORS[op.kind].definition(inputs, op.options, op.output.type)
    return activate(result, op.activation).reshape(op.output.shape)


def to_planes(x: Floats, shape: tuple[int, ...], order: str) -> Floats:
    """A user's array -> planes, or a row-major value, of that shape."""
    if order == "channels_last":
        batch, channels, height, width = shape
        return np.ascontiguousarray(x.reshape(batch, height * width, channels).transpose(0, 2, 1)).reshape(
            shape
        )
    return x.reshape(shape)


def from_planes(x: Floats, shape: tuple[int, ...], order: str) -> Floats:
    """Planes -> the user's array."""
    if order == "channels_last":
        batch, channels = x.shape[:2]
        x = x.reshape(batch, channels, -1).transpose(0, 2, 1)
    return np.ascontiguousarray(x.reshape(shape))


def run_graph(graph: Graph, inputs: Sequence[Floats]) -> tuple[list[Floats], dict[str, Floats]]:
    """Outputs in the user's order, and every value by name.

    >>> import numpy as np
    >>> from secateur.ir import Activation, Port, Value, planes
    >>> from secateur.ir.options import UnaryOptions
    >>> x, y = Value("x", planes(1, 2, 1, 1)), Value("y", planes(1, 2, 1, 1))
    >>> op = Op("Unary", "relu", [x], y, UnaryOptions(), Activation("relu"))
    >>> g = Graph("g", [Port("x", x, (1, 2))], [Port("y", y, (1, 2))], [op])
    >>> run_graph(g, [np.array([[-1.0, 2.0]], np.float32)])[0][0].tolist()
    [[0.0, 2.0]]
    """
    values: dict[str, Floats] = {}
    for port, x in zip(graph.inputs, inputs, strict=True):
        values[port.value.name] = to_planes(x, port.value.shape, port.order)
    for op in graph.ops:
        values[op.output.name] = run_op(op, [values[v.name] for v in op.inputs])
    return [from_planes(values[p.value.name], p.shape, p.order) for p in graph.outputs], values
