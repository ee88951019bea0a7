"""The verifier: run after every pass, so that the pass that breaks the graph is the one that is named."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from secateur.errors import SecateurError
from secateur.ir.graph import ACTIVATION_KINDS, Graph, Op, Value
from secateur.ir.ops import OPERATORS, ShapeRuleError, same_planes


class GraphError(SecateurError, AssertionError):
    """The graph broke its own rules: a defect of the compiler, not of the network."""


def _check_op(op: Op, final: bool) -> None:
    row = OPERATORS.get(op.kind)
    if row is None:
        raise GraphError(f"{op.name}: unknown operator {op.kind}")
    if final and not row.in_file:
        raise GraphError(f"{op.name}: {op.kind} has no form in a model file")
    if not isinstance(op.options, row.options):
        raise GraphError(f"{op.name}: {op.kind} has options of type {type(op.options).__name__}")
    if not row.arity[0] <= len(op.inputs) <= row.arity[1]:
        raise GraphError(f"{op.name}: {op.kind} has {len(op.inputs)} inputs")
    if op.activation.kind not in ACTIVATION_KINDS:
        raise GraphError(f"{op.name}: unknown activation {op.activation.kind}")
    if op.activation and not row.fuses_activation:
        raise GraphError(f"{op.name}: {op.kind} cannot carry an activation")
    for field in fields(op.options):
        value = getattr(op.options, field.name)
        if isinstance(value, np.ndarray) and value.dtype != np.float32:
            raise GraphError(f"{op.name}: {field.name} is {value.dtype}, not float32")
        if isinstance(value, int) and value < 0:
            raise GraphError(f"{op.name}: {field.name} is negative")
        if field.name.startswith(("stride", "dilation", "kernel")) and isinstance(value, int) and value < 1:
            raise GraphError(f"{op.name}: {field.name} is {value}")
    _check_shape(op)


def _check_shape(op: Op) -> None:
    y = op.output.shape
    if len(y) != 4 or min(y) < 1:
        raise GraphError(f"{op.name}: {op.output} has the shape {y}")
    try:
        expected = OPERATORS[op.kind].shape([v.shape for v in op.inputs], op.options)
    except ShapeRuleError as error:
        raise GraphError(f"{op.name} ({op.kind}): {error}; inputs {[v.shape for v in op.inputs]}") from None
    if expected is not None and expected != y:
        raise GraphError(f"{op.name} ({op.kind}): the output is {y}, its rule gives {expected}")
    x = op.inputs[0].shape
    if op.kind == "Unary" and not same_planes(x, y):
        raise GraphError(f"{op.name}: a Unary operator makes {y} of {x}")
    if op.kind == "Slice":
        o = op.options
        last = (
            o.channel_begin + y[1],
            o.row_begin + (y[2] - 1) * o.row_step + 1,
            o.col_begin + (y[3] - 1) * o.col_step + 1,
        )
        if x[0] != y[0] or any(end > size for end, size in zip(last, x[1:], strict=True)):
            raise GraphError(f"{op.name}: the slice reaches {last} of {x[1:]}")
    if op.kind == "Pad":
        o = op.options
        ends = (o.channel_before + x[1], o.top + x[2], o.left + x[3])
        if x[0] != y[0] or any(end > size for end, size in zip(ends, y[1:], strict=True)):
            raise GraphError(f"{op.name}: the padded data reach {ends} of {y[1:]}")


def verify(graph: Graph, *, final: bool = False) -> None:
    """Single assignment, definitions before uses, shapes as their rules give them, fields in range.

    `final` also refuses operators that a model file cannot hold. Raises `GraphError`.
    """
    known: set[Value] = set()
    names: set[str] = set()

    def define(value: Value, where: str) -> None:
        if value in known:
            raise GraphError(f"{where}: {value} is assigned twice")
        if value.name in names:
            raise GraphError(f"{where}: two values are called {value.name}")
        known.add(value)
        names.add(value.name)

    for port in graph.inputs:
        define(port.value, f"input {port.name}")
    for op in graph.ops:
        for value in op.inputs:
            if value not in known:
                raise GraphError(f"{op.name}: reads {value} before it is made")
        define(op.output, op.name)
        _check_op(op, final)
    if not graph.outputs:
        raise GraphError("the graph has no output")
    for port in (*graph.inputs, *graph.outputs):
        if port.value not in known:
            raise GraphError(f"port {port.name} names {port.value}, which nothing makes")
        if int(np.prod(port.shape, dtype=np.int64)) != int(np.prod(port.value.shape, dtype=np.int64)):
            raise GraphError(f"port {port.name}: {port.shape} and {port.value.shape} differ in size")
        if port.order not in ("channels_first", "channels_last"):
            raise GraphError(f"port {port.name}: unknown order {port.order}")
