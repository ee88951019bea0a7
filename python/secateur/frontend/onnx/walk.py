"""The walk over the nodes of an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, numpy_helper

from secateur.frontend import common
from secateur.frontend.common import Unknown, Walk
from secateur.frontend.onnx import control, kinds
from secateur.frontend.onnx.expand import expanded
from secateur.frontend.onnx.fold import evaluate
from secateur.frontend.onnx.model import CONTROL, Source, operator_of, place_of
from secateur.frontend.onnx.readers import READERS
from secateur.frontend.onnx.registry import Args, Constants
from secateur.ir import Graph, Port, State, verify
from secateur.lowering.axes import Tensor
from secateur.lowering.ports import input_port, stand_in
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Problem, Unsupported

Env = dict[Any, Any]


class OnnxWalk(Walk[str]):
    """One walk of a graph; `env` maps names to what they became: arrays, tensors, lists of them.

    `scope` is empty at the top, and names a body and its iteration inside.
    """

    def __init__(self, source: Source, reading: Sequence[str], *, escape: bool = False) -> None:
        super().__init__(escape=escape)
        self.source = source
        self.env: Env = dict(source.constants)
        self.scope = ""
        self.opset = source.opset
        self._constants = Constants()
        self._readings: dict[str, str] = {}
        self.row_scales: dict[str, NDArray[np.float32]] = {}  # of layers whose weights are stored as bytes
        self._node = NodeProto()
        for held, axes in zip(read_inputs(source), reading, strict=True):
            self._readings[held.name] = axes
            self.env[kinds.key(held.name)] = held.dtype.numpy
            port, self.env[held.name] = input_port(self.builder, held.name, held.shape, axes, held.dtype)
            self.ports.append(port)

    def run(self) -> Graph:
        self.nodes(self.source.graph.node, self.env, self.source.live)
        outputs = [self._output(name) for name in self.source.outputs]
        states = []
        for state, now in zip(self.source.states, self.ports[len(self.source.inputs) :], strict=True):
            reading, name = self._readings[state.now.name], state.now.name
            guess = state.next in self.guesses
            port = self.kept(self.env.get(state.next), now, reading, state.next, name, guess=guess)
            if port is None:
                continue
            outputs.append(port)
            states.append(State(state.now.name, now, port, state.first))
        if self.problems:
            return Graph(self.source.name, self.ports, [], [])
        found = [port for port in outputs if port is not None]
        graph = Graph(self.source.name, self.ports, found, self.builder.ops, states)
        verify(graph)
        return graph

    def _output(self, name: str) -> Port | None:
        return self.output(self.env.get(name), name, guess=name in self.guesses)

    # --- nodes --------------------------------------------------------------------------------------------

    def nodes(self, nodes: Sequence[NodeProto], env: Env, live: set[str] | None = None) -> None:
        """Each node in order, its results into `env`."""
        for node in nodes:
            if live is None or live.intersection(node.output):
                self.node(node, env)

    def body(self, graph: GraphProto, outer: Env, given: Sequence[Any], scope: str) -> list[Any]:
        """The outputs of a body on these inputs; it sees what stands around it."""
        env = dict(outer)
        env.update({t.name: numpy_helper.to_array(t) for t in graph.initializer})
        for value, x in zip(graph.input, given, strict=True):
            env[value.name] = x
            env[kinds.key(value.name)] = kinds.declared(value)
        kept, self.scope = self.scope, f"{self.scope}{scope}/"
        self.nodes(graph.node, env)
        self.scope = kept
        return [env[value.name] for value in graph.output]

    def node(self, node: NodeProto, env: Env) -> None:
        operands = [env[name] if name else None for name in node.input]
        key = next(filter(None, node.output), "")
        guess = any(name in self.guesses for name in node.input)
        self._node = node
        if node.op_type in CONTROL:
            self._name(node, operands)
            result = self.read(key, lambda: control.run(self, node, operands, env), guess=guess)
        elif all(map(is_constant, operands)) and not any(isinstance(x, list) for x in operands):
            result = self._fold(node, operands, key)
        elif node.op_type in ("Shape", "Size") and isinstance(operands[0], (Tensor, Scores)):
            result = self._fold(node, [np.broadcast_to(np.float32(0), operands[0].shape)], key)
        elif node.op_type not in READERS:
            self._unread(node, env)
            return
        elif any(has_unknown(x) for x in operands):
            result = self.stand_in(key)
        else:
            self._name(node, operands)
            dtypes = [kinds.of(name, x, env) for name, x in zip(node.input, operands, strict=True)]
            args = Args(self.builder, node, operands, self.opset, self._constants, dtypes)
            result = self.read(key, lambda: READERS[node.op_type](self.builder, args), guess=guess)
        results = result if isinstance(result, tuple) else (result,)
        for i, name in enumerate(node.output):
            if not name:
                continue
            env[name] = results[i] if i < len(results) else None
            kinds.note(node, i, operands, env)
            if guess or key in self.guesses:
                self.guesses.add(name)
            if env[name] is None:
                env[name] = Unknown()
                if name in self.source.live:
                    self._problem(node, f"its output {i + 1}")

    def _fold(self, node: NodeProto, operands: Sequence[Any], key: str) -> Any:
        kept = self.source.folded
        where = self.scope + key
        if where not in kept:
            try:
                kept[where] = evaluate(node, operands, self.opset)
            except Unsupported as problem:
                return self.fail(key, str(problem))
        return kept[where]

    def _unread(self, node: NodeProto, env: Env) -> None:
        """An operator without a reader: by the nodes that define it, where it is defined by others."""
        known = {name: self._type_of(name, env[name], env) for name in node.input if name}
        found = expanded(node, known, self.opset, self.scope)
        key = next(filter(None, node.output), "")
        if found is not None:
            before, kept = len(self.problems), self.opset
            parts, self.opset = found
            self.nodes(parts, env)
            self.opset = kept
            if len(self.problems) > before:
                inner = self.problems[before]
                del self.problems[before:]
                self._problem(node, f"in its definition {inner.target} {inner.reason}".strip())
            return
        result = self.fail(key, "")
        for name in filter(None, node.output):
            env[name] = result if name == key else Unknown()
            self.guesses.add(name)

    @staticmethod
    def _type_of(name: str, x: Any, env: Env) -> tuple[int, tuple[int, ...]] | None:
        if not isinstance(x, (np.ndarray, Tensor, Scores)):
            return None
        return onnx.helper.np_dtype_to_tensor_dtype(kinds.of(name, x, env)), tuple(x.shape)

    def _name(self, node: NodeProto, operands: Sequence[Any]) -> None:
        """The layer: what owns its weight, as pruners and reports have it, else the node."""
        name = self.scope + place_of(node)
        for operand, held in zip(node.input, operands, strict=True):
            if isinstance(held, np.ndarray) and operand.endswith(".weight"):
                name = operand.removesuffix(".weight")
        self.builder.node_name, self.builder.node_source = name, operator_of(node)
        if len(node.input) > 1 and node.input[1] in self.source.stored.rows:
            self.row_scales[name] = self.source.stored.rows[node.input[1]]

    def _problem(self, node: NodeProto, reason: str) -> None:
        self.problems.append(Problem(operator_of(node), reason, self.scope + place_of(node)))

    def fail(self, node: str, reason: str) -> Any:
        self._problem(self._node, reason)
        return self.stand_in(node)

    def stand_in(self, node: str) -> Any:
        self.guesses.add(node)
        kind, shape = self.source.types.get(node, (0, ()))
        if kind != TensorProto.FLOAT or self.scope:
            return Unknown()
        return stand_in(self.builder, node, shape)


def is_constant(x: Any) -> bool:
    """An array, a list of arrays, or nothing."""
    if isinstance(x, list):
        return all(map(is_constant, x))
    return x is None or isinstance(x, np.ndarray)


def has_unknown(x: Any) -> bool:
    return any(map(has_unknown, x)) if isinstance(x, list) else isinstance(x, Unknown)


def read_inputs(source: Source) -> list[Any]:
    """What a run reads: the inputs, then the states."""
    return [*source.inputs, *(state.now for state in source.states)]


def best_walk(source: Source, *, escape: bool | None = None) -> tuple[OnnxWalk, Graph]:
    """The walk that moves the least data, and its graph (`secateur.frontend.common.walk`)."""
    held = [(x.shape, x.dtype) for x in read_inputs(source)] if source.inputs else []
    return common.best_walk(lambda reading, allowed: OnnxWalk(source, reading, escape=allowed), held, escape)


def lower(source: Source, *, allow_empty: bool = False, escape: bool | None = None) -> Graph:
    """The graph of an ONNX network, unoptimised; `escape` as `best_walk` has it.

    Raises UnsupportedOperatorError that lists every operator that cannot be compiled, and WeightError
    that names layers whose weights are all zero (unless `allow_empty`).
    """
    walk, graph = best_walk(source, escape=escape)
    if not allow_empty:
        common.refuse_empty(walk)
    return graph
