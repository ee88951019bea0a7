"""The walk over an exported graph."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secateur.frontend import common
from secateur.frontend.common import Unknown, Walk, unexpected
from secateur.frontend.torch.export import Source, depends_on
from secateur.frontend.torch.inputs import INTEGERS
from secateur.frontend.torch.nodes import aten_name, leaf_name, leaves, location, origin
from secateur.frontend.torch.readers import READERS
from secateur.frontend.torch.registry import Args, Constants, of_masked, read
from secateur.ir import DType, Graph, Port, State, verify
from secateur.lowering.axes import Tensor
from secateur.lowering.complex import Complex
from secateur.lowering.constant import constant
from secateur.lowering.masked import ELSEWHERE as MASKED_ELSEWHERE
from secateur.lowering.masked import Masked
from secateur.lowering.ports import input_port, stand_in
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Problem

_RANDOM = ("rand", "normal", "bernoulli", "multinomial", "uniform", "poisson", "exponential")


class TorchWalk(Walk[torch.fx.Node]):
    """One walk of an exported graph; `env` maps nodes to what they became."""

    def __init__(self, source: Source, reading: Sequence[str], *, escape: bool = False) -> None:
        super().__init__(escape=escape)
        self.source = source
        self.env: dict[torch.fx.Node, Any] = {}
        self._reported: set[tuple[str, str]] = set()
        self._live: set[torch.fx.Node] = set()
        self._readings: dict[torch.fx.Node, str] = {}
        self._constants = Constants()
        self.row_scales: dict[str, NDArray[np.float32]] = {}  # of layers whose weights are stored as bytes
        for node, axes in zip(read_nodes(source), reading, strict=True):
            held = node.meta["val"]
            shape, dtype = tuple(int(s) for s in held.shape), INTEGERS.get(held.dtype, DType.F32)
            port, self.env[node] = input_port(self.builder, node.name, shape, axes, dtype)
            self._readings[node] = axes
            self.ports.append(port)

    def run(self) -> Graph:
        live = self._live = depends_on([*self.source.outputs, *(state.next for state in self.source.states)])
        for node in self.source.graph.nodes:
            if node not in live or (node.op == "placeholder" and node in self.env):
                continue
            if node.op == "placeholder" and node.name in self.source.constants:
                self.env[node] = self.source.constants[node.name]
            elif node.op == "call_function":
                self.env[node] = self._call(node)
            elif node.op in ("placeholder", "get_attr"):
                self.problems.append(Problem(str(node.target), "a value that is not a tensor", ""))
                self.env[node] = self.stand_in(node)
        names = self.source.output_names
        outputs = [self._output(node, names[i]) for i, node in enumerate(self.source.outputs)]
        kept = self.ports[len(self.source.inputs) :]
        states = []
        for state, now in zip(self.source.states, kept, strict=True):
            made, guess = self.env[state.next], state.next in self.guesses
            reading = self._readings[state.now]
            port = self.kept(made, now, reading, f"{state.name}.next", state.name, guess=guess)
            if port is not None:
                outputs.append(port)
                states.append(State(state.name, now, port, state.first.numpy()))
        if self.problems:
            return Graph(self.source.name, self.ports, [], [])
        made = [port for port in outputs if port is not None]
        graph = Graph(self.source.name, self.ports, made, self.builder.ops, states)
        verify(graph)
        return graph

    # --- one node -------------------------------------------------------------------------------------------

    def _resolve(self, argument: Any) -> Any:
        return torch.fx.node.map_arg(argument, lambda node: self.env[node])

    def _call(self, node: torch.fx.Node) -> Any:
        args, kwargs = self._resolve(node.args), self._resolve(node.kwargs)
        operands = list(leaves([args, kwargs]))
        guess = any(argument in self.guesses for argument in node.all_input_nodes)
        target = aten_name(node.target)
        if not any(isinstance(x, (Tensor, Scores, Complex, Masked, Unknown)) for x in operands):
            return args[0][args[1]] if node.target is operator.getitem else self._fold(node, args, kwargs)
        if node.target is not operator.getitem and target not in READERS:
            return self.fail(node, "")
        if any(isinstance(x, Unknown) for x in operands):
            return self.stand_in(node)
        if node.target is operator.getitem:
            if guess:
                self.guesses.add(node)
            return args[0][args[1]]
        layer = self._layer_name(node)
        self.builder.node_name, self.builder.of_layer = layer or leaf_name(node), bool(layer)
        self.builder.node_source = location(node)[1]
        for argument in node.all_input_nodes:
            if argument.name in self.source.stored.rows:
                self.row_scales[self.builder.node_name] = self.source.stored.rows[argument.name]
        bound = _bind(node.target, args, kwargs)
        given = _bind(node.target, node.args, node.kwargs)
        dtypes, in_order = dict(_dtypes(given)), dict(_in_order(given))
        parts = {
            user.args[1] for user in node.users if user.target is operator.getitem and user in self._live
        }
        arguments = Args(self.builder, target, bound, self._constants, dtypes, parts or None, in_order)
        pointwise = torch.Tag.pointwise in getattr(node.target, "tags", ())
        of_chosen = any(isinstance(x, Masked) for x in operands)

        def made() -> Any:
            return (
                of_masked(self.builder, arguments, pointwise) if of_chosen else read(self.builder, arguments)
            )

        result = self.read(node, made, guess=guess)
        if isinstance(result, Tensor) and isinstance(node.meta["val"], torch.Tensor):
            expected = tuple(node.meta["val"].shape)
            known = all(isinstance(size, int) for size in expected)  # else it hangs on a constant's values
            if known and result.shape != expected:
                return self.fail(node, f"it came to have the shape {result.shape}, not {expected}")
        return result

    def fail(self, node: torch.fx.Node, reason: str) -> Any:
        """Notes the problem, once for what one operator of the source was decomposed into."""
        path, source = location(node)
        where = path if not source else f"{path} ({source})" if path else source
        target, name = origin(node)
        if (name, reason) not in self._reported:
            self._reported.add((name, reason))
            self.problems.append(Problem(target, reason, where))
        return self.stand_in(node)

    def stand_in(self, node: torch.fx.Node) -> Any:
        self.guesses.add(node)

        def like(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return [like(part) for part in value]
            if not isinstance(value, torch.Tensor) or not value.is_floating_point():
                return Unknown()
            if not all(isinstance(size, int) and size > 0 for size in value.shape):
                return Unknown()
            return stand_in(self.builder, node.name, tuple(int(s) for s in value.shape))

        return like(node.meta.get("val"))

    def _layer_name(self, node: torch.fx.Node) -> str:
        """The module that owns the weight of a call: what pruners and reports call the layer."""
        for argument in node.all_input_nodes:
            name = self.source.layers.get(argument.name, "")
            if name.endswith("weight") and argument.users and len(name) > len("weight"):
                return name.removesuffix("weight").rstrip("._")
            if (
                name.endswith(".bias") and self.source.quantised is not None
            ):  # bytes have no name of their own
                return name.removesuffix(".bias")
        return ""

    def _fold(self, node: torch.fx.Node, args: Any, kwargs: Any) -> Any:
        """An operator on constants alone is run by torch, once."""
        assert callable(node.target)
        if aten_name(node.target).startswith(_RANDOM):
            return self.fail(node, "random numbers: another result in each run")
        try:
            with torch.no_grad():
                held = node.target(*args, **kwargs)
            # What is never written must not differ from compilation to compilation, nor be NaN.
            return held.zero_() if aten_name(node.target).startswith("empty") else held
        except Exception as error:
            return self.fail(node, unexpected(error))

    def _output(self, node: torch.fx.Node, name: str) -> Port | None:
        held = self.env[node]
        if isinstance(held, Masked):
            self.fail(node, MASKED_ELSEWHERE)
            return None
        others = any(isinstance(self.env[other], Tensor) for other in self.source.outputs)
        if isinstance(held, torch.Tensor) and others and self.ports and self.builder.escape:
            self.builder.node_name, self.builder.node_source = name, ""
            near = self.env[read_nodes(self.source)[0]]
            held = constant(self.builder, near, self._constants(held).astype(np.float32))
        return self.output(held, name, guess=node in self.guesses)


def read_nodes(source: Source) -> list[torch.fx.Node]:
    """What a run reads: the inputs, then the states."""
    return [*source.inputs, *(state.now for state in source.states)]


def _bind(target: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by the names of the operator's schema, defaults filled in."""
    bound = {}
    for i, argument in enumerate(target._schema.arguments):
        if i < len(args):
            bound[argument.name] = args[i]
        elif argument.name in kwargs:
            bound[argument.name] = kwargs[argument.name]
        else:
            bound[argument.name] = argument.default_value
    return bound


def _dtypes(bound: dict[str, Any]) -> Iterator[tuple[str, torch.dtype]]:
    """What the source says that arguments are; of the parts of a list as `name.number`."""
    for name, given in bound.items():
        parts = [(name, given)]
        if isinstance(given, (list, tuple)):
            parts = [(f"{name}.{i}", part) for i, part in enumerate(given)]
        for key, part in parts:
            if isinstance(part, torch.fx.Node) and isinstance(part.meta.get("val"), torch.Tensor):
                yield key, part.meta["val"].dtype


def _in_order(bound: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Which arguments lie in memory as their elements follow each other, from the first on."""
    for name, given in bound.items():
        held = given.meta.get("val") if isinstance(given, torch.fx.Node) else None
        if isinstance(held, torch.Tensor):
            yield name, held.is_contiguous() and held.storage_offset() == 0


def best_walk(source: Source, *, escape: bool | None = None) -> tuple[TorchWalk, Graph]:
    """The walk that moves the least data, and its graph (`secateur.frontend.common.walk`)."""
    held = [node.meta["val"] for node in read_nodes(source)]
    inputs = [(tuple(map(int, x.shape)), INTEGERS.get(x.dtype, DType.F32)) for x in held]
    return common.best_walk(
        lambda reading, allowed: TorchWalk(source, reading, escape=allowed),
        inputs if source.inputs else [],
        escape,
    )


def lower(source: Source, *, allow_empty: bool = False, escape: bool | None = None) -> Graph:
    """The graph of an exported program, unoptimised; `escape` as `best_walk` has it.

    Raises UnsupportedOperatorError that lists every operator that cannot be compiled, and WeightError
    that names layers whose weights are all zero (unless `allow_empty`).
    """
    walk, graph = best_walk(source, escape=escape)
    if not allow_empty:
        common.refuse_empty(walk)
    return graph
