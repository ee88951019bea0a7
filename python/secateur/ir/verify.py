"""The verifier: run after every pass, so that the pass that breaks the graph is the one that is named."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from secateur.errors import SecateurError
from secateur.ir.activation import ACTIVATION_KINDS
from secateur.ir.graph import Graph, Op, Value
from secateur.ir.operator import TypeRuleError
from secateur.ir.ops import OPERATORS
from secateur.ir.types import WHOLE, DType, Residence, TensorType, halves, quantised, row_major
from secateur.ir.verify_i8 import array_dtypes, fault_of_codes


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
        if isinstance(value, np.ndarray) and value.dtype not in (wanted := array_dtypes(op, field.name)):
            raise GraphError(f"{op.name}: {field.name} is {value.dtype}, not {' or '.join(map(str, wanted))}")
        if isinstance(value, int) and value < 0:
            raise GraphError(f"{op.name}: {field.name} is negative")
        if field.name.startswith(("stride", "dilation", "kernel")) and isinstance(value, int) and value < 1:
            raise GraphError(f"{op.name}: {field.name} is {value}")
    _check_types(op)


def _check_types(op: Op) -> None:
    row, y = OPERATORS[op.kind], op.output.type
    if fault := y.fault():
        raise GraphError(f"{op.name}: {op.output} is {y}: {fault}")
    types = [value.type for value in op.inputs]
    for value in op.inputs:
        if not row.takes(value.type):
            raise GraphError(f"{op.name}: {op.kind} does not take {value}, which is {value.type}")
    if fault := fault_of_codes(op):
        raise GraphError(f"{op.name} ({op.kind}): {fault}")
    try:
        expected = row.rule(types, op.options, y)
    except TypeRuleError as error:
        inputs = ", ".join(map(str, types))
        raise GraphError(f"{op.name} ({op.kind}): {error}; it makes {y} of {inputs}") from None
    if expected != y:
        raise GraphError(f"{op.name} ({op.kind}): the output is {y}, its rule gives {expected}")


def _in_file(t: TensorType) -> bool:
    rows = row_major(*t.shape, dtype=t.dtype if t.dtype in WHOLE else DType.F32)
    return t in (TensorType(t.shape), halves(t.shape), rows, quantised(t.shape, t.scale, t.zero_point))


def verify(graph: Graph, *, final: bool = False) -> None:
    """Single assignment, definitions before uses, types as their rules give them, fields in range.

    `final` also refuses operators and types that a model file cannot hold. Raises `GraphError`.
    """
    known: set[Value] = set()
    names: set[str] = set()

    def define(value: Value, where: str) -> None:
        if value in known:
            raise GraphError(f"{where}: {value} is assigned twice")
        if value.name in names:
            raise GraphError(f"{where}: two values are called {value.name}")
        if final and not _in_file(value.type):
            raise GraphError(
                f"{where}: {value} is {value.type}; a model file holds f32 planes and rows, f16 planes, i8 "
                "planes4, and rows of integers"
            )
        known.add(value)
        names.add(value.name)

    for port in graph.inputs:
        define(port.value, f"input {port.name}")
        if fault := port.value.type.fault():
            raise GraphError(f"input {port.name} is {port.value.type}: {fault}")
        if port.value.type.residence is Residence.CONSTANT:
            raise GraphError(f"input {port.name} is a constant")
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
