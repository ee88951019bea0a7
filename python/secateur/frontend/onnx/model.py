"""A network that was read from an ONNX file: its nodes, its constants, what the caller passes and gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto

from secateur.frontend.common import Stored
from secateur.ir import DType

# The element types of inputs.
DTYPES: dict[int, DType] = {
    TensorProto.FLOAT: DType.F32,
    TensorProto.INT32: DType.I32,
    TensorProto.INT64: DType.I64,
    TensorProto.BOOL: DType.BOOL,
}
CONTROL = ("If", "Loop", "Scan")


@dataclass(frozen=True)
class Input:
    """An input as the caller passes it."""

    name: str
    shape: tuple[int, ...]
    dtype: DType


@dataclass(frozen=True)
class Kept:
    """What lives from one run to the next: the input that reads it, the output that writes it."""

    now: Input
    next: str
    first: NDArray[np.float32]


@dataclass
class Source:
    """`model` has every function inlined and its inputs at the shapes that are compiled; `constants` holds
    its initialisers and the inputs that were given as numbers. `inputs` are those that a caller passes,
    without `states`. `examples` are in their order; None where they were not given. `folded`: what nodes on
    constants gave, by the scope and the first output, for all walks. `stored`: the scales of a file
    that is quantised; `quantised` is then the network as it came, of which `model` is the form in float32."""

    name: str
    model: onnx.ModelProto
    opset: int
    constants: dict[str, NDArray[Any]]
    inputs: list[Input]
    outputs: list[str]
    examples: list[NDArray[Any]] | None
    states: list[Kept] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    folded: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    stored: Stored = field(default_factory=Stored)
    quantised: onnx.ModelProto | None = None

    @property
    def graph(self) -> GraphProto:
        return self.model.graph

    @cached_property
    def live(self) -> set[str]:
        """The values that outputs and states depend on."""
        return live_names(self.graph.node, [*self.outputs, *(state.next for state in self.states)])

    @cached_property
    def types(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """(element type, shape) of the values of which shape inference knows both; asked where an operator
        failed."""
        found: dict[str, tuple[int, tuple[int, ...]]] = {}
        try:
            inferred = onnx.shape_inference.infer_shapes(self.model, data_prop=True).graph
        except Exception:  # of a damaged or very large network: nothing is known
            return found
        for value in (*inferred.value_info, *inferred.output):
            held = value.type.tensor_type
            dims = [d.dim_value if d.HasField("dim_value") else -1 for d in held.shape.dim]
            if held.HasField("shape") and min(dims, default=1) > 0:
                found[value.name] = held.elem_type, tuple(dims)
        return found


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """The bodies of a node with control flow."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g


def reads(node: NodeProto) -> Iterator[str]:
    """The values that a node reads, those that its bodies take from around them included."""
    yield from filter(None, node.input)
    for body in subgraphs(node):
        inside = {value.name for value in (*body.input, *body.initializer)}
        for part in body.node:
            yield from (name for name in reads(part) if name not in inside)
            inside.update(part.output)
        yield from (value.name for value in body.output if value.name not in inside)


def live_names(nodes: Sequence[NodeProto], wanted: Sequence[str]) -> set[str]:
    """Those names and all that they are computed from."""
    found = set(wanted)
    for node in reversed(nodes):
        if found.intersection(node.output):
            found.update(reads(node))
    return found


def place_of(node: NodeProto) -> str:
    """What a node is called: by its name, else by what it makes."""
    return str(node.name or next(filter(None, node.output), node.op_type))


def operator_of(node: NodeProto) -> str:
    """``Conv``, or ``com.example.Conv`` of another domain."""
    return f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else str(node.op_type)
