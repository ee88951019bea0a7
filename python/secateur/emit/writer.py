"""The specification of `_core.encode_model`: every field of csrc/format/model.fbs from the graph."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur import _core
from secateur.emit.constants import Constants
from secateur.emit.memory_plan import MemoryPlan, plan_memory, strides
from secateur.emit.metadata import entries
from secateur.formats import StoredWeight
from secateur.ir import DType, Graph, Layout, Op, Port, State, Value, row_major
from secateur.ir.options import UnaryOptions
from secateur.ir.reference import to_planes

# Fields of the graph's options that the file says otherwise: in the tensors' shapes, or in the weight's
# table.
_STORED = {"weight", "scales", "storage"}
_NOT_IN_FILE = {"Conv": _STORED, "Recurrent": _STORED, "Embedding": {"rows"}}
# What is a tensor of the file, the second input: of a row-major operator, where planes name a buffer.
_CONSTANT_INPUT = {"Binary": "constant", "Embedding": "rows"}


@dataclass(frozen=True)
class Emitted:
    """The file's bytes, the memory plan and the stored form of every weight that may be sparse, by operator
    name."""

    data: bytes
    plan: MemoryPlan
    weights: dict[str, StoredWeight]


def _constant_input(op: Op) -> NDArray[Any] | None:
    """The constant of an operator that reads or writes rows: a tensor of the file, since it has a shape."""
    rows = any(value.type.layout is Layout.ROW_MAJOR for value in (*op.inputs, op.output))
    if op.kind not in _CONSTANT_INPUT or not rows:
        return None
    constant: NDArray[Any] | None = getattr(op.options, _CONSTANT_INPUT[op.kind])
    return constant


def _options(op: Op, constants: Constants, weights: dict[str, StoredWeight]) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    left_out = set(_NOT_IN_FILE.get(op.kind, ()))
    if _constant_input(op) is not None:
        left_out.add(_CONSTANT_INPUT[op.kind])
    for field in fields(op.options):
        value = getattr(op.options, field.name)
        if field.name in left_out:
            continue
        spec[field.name] = constants.array(value) if isinstance(value, np.ndarray) else value
    if hasattr(op.options, "storage"):
        o = op.options
        taps = o.kernel_h * o.kernel_w if op.kind == "Conv" else 1
        weights[op.name] = constants.weight(o.weight, o.storage, o.scales, taps)
        spec["weight"] = weights[op.name].to_spec()
    return spec


def _port(port: Port, numbers: dict[Value, int]) -> dict[str, Any]:
    return {
        "name": port.name,
        "tensor": numbers[port.value],
        "shape": [int(size) for size in port.shape],
        "order": port.order,
    }


def _laid_out(value: Value) -> dict[str, Any]:
    """A tensor's dtype, layout, extents and strides."""
    plane, batch = strides(value)
    t = value.type
    held = {"dtype": str(t.dtype), "layout": str(t.layout), "plane_stride": plane}
    if t.dtype is DType.I8:
        held |= {"scale": t.scale, "zero_point": t.zero_point}
    if t.layout is Layout.ROW_MAJOR:
        return {**held, "batch_stride": batch, "shape": list(value.shape) or [1]}
    extents = dict(zip(("batch", "channels", "height", "width"), value.shape, strict=True))
    return {**held, "batch_stride": batch, **extents}


def _kept(state: State, constants: Constants) -> dict[str, Any]:
    """What a state's tensor says beside its shape. Zeros need no buffer."""
    first = to_planes(state.first, state.now.value.shape, state.now.order)
    return {"residence": "state", "buffer": constants.array(first) if first.any() else None}


def _detach_states(graph: Graph) -> None:
    """What a caller gets, or the next run finds, is copied where it would be the memory of a state itself."""
    states = {state.now.value for state in graph.states}
    for port in graph.outputs:
        if port.value in states:
            copy = Value(f"{port.value.name}.{port.name}", port.value.type)
            graph.ops.append(Op("Unary", copy.name, [port.value], copy, UnaryOptions()))
            port.value = copy


def emit(graph: Graph, *, share_memory: bool = True) -> Emitted:
    """Writes the graph as a model file's bytes.

    Example: ``emit(graph).data`` is what ``Program.save`` puts on disk.
    """
    _detach_states(graph)
    plan = plan_memory(graph, share=share_memory)
    numbers = {value: i for i, value in enumerate(graph.values())}
    constants = Constants()
    states = {state.now.value: state for state in graph.states}
    tensors = [
        {
            "name": value.name,
            **_laid_out(value),
            "arena_offset": plan.offsets[value],
            **(_kept(states[value], constants) if value in states else {}),
        }
        for value in numbers
    ]
    inputs = {op.output: [numbers[value] for value in op.inputs] for op in graph.ops}
    for op in graph.ops:
        if (constant := _constant_input(op)) is not None:
            inputs[op.output].append(len(tensors))
            value = Value(f"{op.name}.constant", row_major(*constant.shape))
            held = {"residence": "constant", "buffer": constants.array(constant)}
            tensors.append({"name": value.name, **_laid_out(value), **held})
    weights: dict[str, StoredWeight] = {}
    ops = [
        {
            "kind": op.kind,
            "name": op.name,
            "source": op.source,
            "reason": op.reason,
            "inputs": inputs[op.output],
            "outputs": [numbers[op.output]],
            "activation": (op.activation.kind, float(op.activation.a), float(op.activation.b)),
            "options": _options(op, constants, weights),
        }
        for op in graph.ops
    ]
    spec = {
        "producer": f"secateur {_core.__version__}",
        "name": graph.name,
        "arena_bytes": plan.peak,
        "tensors": tensors,
        "ops": ops,
        "inputs": [_port(port, numbers) for port in graph.user_inputs],
        "outputs": [_port(port, numbers) for port in graph.user_outputs],
        "states": [
            {"name": s.name, "tensor": numbers[s.now.value], "next": numbers[s.next.value]}
            for s in graph.states
        ],
        "state_bytes": plan.state,
        "metadata": entries(graph.metadata),
    }
    return Emitted(_core.encode_model(spec), plan, weights)
