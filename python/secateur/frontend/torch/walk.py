"""Walks the exported graph once per reading of its inputs, handing every operator to its reader.

Lowering is cheap, so every reading is tried and the one that moves the least data is kept.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import torch

from secateur.errors import ShapeError, UnsupportedOperatorError, WeightError
from secateur.frontend.torch.export import Source, depends_on
from secateur.frontend.torch.inputs import INTEGERS
from secateur.frontend.torch.nodes import aten_name, leaf_name, leaves, location, origin
from secateur.frontend.torch.readers import READERS
from secateur.frontend.torch.registry import Args, Constants
from secateur.ir import DType, Graph, Port, State, verify
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.ports import NUMBERS, input_port, output_port, readings, stand_in
from secateur.lowering.rows import materialise
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Problem, Unsupported, UnsupportedForm, message

# A network that no reading can compile is walked under this many, to report the one that came furthest.
_FAILURES = 8


class _Unknown:
    """A result that no tensor can stand in for: what reads it is checked for a reader, and not run."""


class Walk:
    """One walk of the graph under one reading of the inputs; `env` maps nodes to what they became.

    An operator that fails does not stop the walk: a tensor of its result's shape stands in for it, so that
    what lies behind is looked at too. Its order of dimensions is a guess, and reasons that may come of the
    guess are not reported.
    """

    def __init__(self, source: Source, reading: Sequence[str], *, escape: bool = False) -> None:
        self.source = source
        self.builder = Builder(escape=escape)
        self.env: dict[torch.fx.Node, Any] = {}
        self.problems: list[Problem] = []
        self.understood = 0  # operators lowered from what is no guess
        self.ports: list[Port] = []
        self._guesses: set[torch.fx.Node] = set()
        self._reported: set[tuple[str, str]] = set()
        self._constants = Constants()
        for node, axes in zip(read_nodes(source), reading, strict=True):
            held = node.meta["val"]
            shape, dtype = tuple(int(s) for s in held.shape), INTEGERS.get(held.dtype, DType.F32)
            port, self.env[node] = input_port(self.builder, node.name, shape, axes, dtype)
            self.ports.append(port)

    def run(self) -> Graph:
        """The graph; one without operators where there are problems."""
        live = depends_on([*self.source.outputs, *(state.next for state in self.source.states)])
        for node in self.source.graph.nodes:
            if node not in live or (node.op == "placeholder" and node in self.env):
                continue
            if node.op == "placeholder" and node.name in self.source.constants:
                self.env[node] = self.source.constants[node.name]
            elif node.op == "call_function":
                self.env[node] = self._call(node)
            elif node.op in ("placeholder", "get_attr"):
                self.problems.append(Problem(str(node.target), "a value that is not a tensor", ""))
                self.env[node] = self._stand_in(node)
        names = self.source.output_names
        outputs = [self._output(node, names[i]) for i, node in enumerate(self.source.outputs)]
        kept = self.ports[len(self.source.inputs) :]
        states = []
        for state, now in zip(self.source.states, kept, strict=True):
            port = self._output(state.next, f"{state.name}.next")
            if port is not None and (port.order, port.value.shape) != (now.order, now.value.shape):
                self.problems.append(
                    Problem("state", "it is kept in another order of dimensions than it is read", state.name)
                )
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
        guess = any(argument in self._guesses for argument in node.all_input_nodes)
        target = aten_name(node.target)
        if not any(isinstance(x, (Tensor, Scores, _Unknown)) for x in operands):
            return args[0][args[1]] if node.target is operator.getitem else self._fold(node, args, kwargs)
        if node.target is not operator.getitem and target not in READERS:
            return self._fail(node, "")
        if any(isinstance(x, _Unknown) for x in operands):
            return self._stand_in(node)
        if node.target is operator.getitem:
            if guess:
                self._guesses.add(node)
            return args[0][args[1]]
        self.builder.node_name = self._layer_name(node) or leaf_name(node)
        self.builder.node_source = location(node)[1]
        try:
            result = READERS[target](
                self.builder, Args(self.builder, target, _bind(node.target, args, kwargs), self._constants)
            )
        except UnsupportedForm as problem:
            return self._stand_in(node) if guess else self._fail(node, str(problem))
        except Unsupported as problem:
            return self._fail(node, str(problem))
        if isinstance(result, Tensor):
            expected = tuple(node.meta["val"].shape)
            assert result.shape == expected, f"{target}: {result.shape} is not {expected}"
        if guess:
            self._guesses.add(node)
        else:
            self.understood += 1
        return result

    def _fail(self, node: torch.fx.Node, reason: str) -> Any:
        """Notes the problem, once for what one operator of the source was decomposed into."""
        path, source = location(node)
        where = path if not source else f"{path} ({source})" if path else source
        target, name = origin(node)
        if (name, reason) not in self._reported:
            self._reported.add((name, reason))
            self.problems.append(Problem(target, reason, where))
        return self._stand_in(node)

    def _stand_in(self, node: torch.fx.Node) -> Any:
        self._guesses.add(node)

        def like(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return [like(part) for part in value]
            if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.numel() == 0:
                return _Unknown()
            return stand_in(self.builder, node.name, tuple(int(s) for s in value.shape))

        return like(node.meta.get("val"))

    def _layer_name(self, node: torch.fx.Node) -> str:
        """The module that owns the weight of a call: what pruners and reports call the layer."""
        for argument in node.all_input_nodes:
            name = self.source.layers.get(argument.name, "")
            if name.endswith("weight") and argument.users and len(name) > len("weight"):
                return name.removesuffix("weight").rstrip("._")
        return ""

    def _fold(self, node: torch.fx.Node, args: Any, kwargs: Any) -> Any:
        """An operator on constants alone is run by torch, once."""
        with torch.no_grad():
            assert callable(node.target)
            return node.target(*args, **kwargs)

    def _output(self, node: torch.fx.Node, name: str) -> Port | None:
        x = self.env[node]
        self.builder.node_name, self.builder.node_source = name, ""
        if isinstance(x, _Unknown):
            return None
        try:
            if isinstance(x, Scores) and self.builder.escape:
                x = materialise(self.builder, x)
            if isinstance(x, Scores) and not x.normalised:
                raise UnsupportedForm(
                    "a product of two computed tensors is taken in softmax(q @ k^T) @ v only"
                )
            if isinstance(x, Scores):
                raise UnsupportedForm("attention weights as an output (need_weights=False avoids them)")
            if not isinstance(x, Tensor):
                raise Unsupported("an output that does not depend on the inputs")
            return output_port(self.builder, x, name)
        except Unsupported as problem:
            if not (isinstance(problem, UnsupportedForm) and node in self._guesses):
                self.problems.append(Problem("output", str(problem), name))
            return None


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


# --- all readings --------------------------------------------------------------------------------------


def _cost(walk: Walk) -> tuple[int, int]:
    return walk.builder.escapes, walk.builder.moves


def best_walk(source: Source, *, escape: bool | None = None) -> tuple[Walk, Graph]:
    """The walk that moves the least data, and its graph.

    escape: say what planes do not express by general permutations and row-major operators; None: where the
    planes do not express the network.

    Raises UnsupportedOperatorError when none succeeds, with the problems of the reading that came furthest:
    a wrong one fails at the first layer that cannot be what it says, and looks as if little were wrong.
    """
    if escape is not None:
        return _best_walk(source, escape)
    try:
        return _best_walk(source, False)
    except UnsupportedOperatorError:
        return _best_walk(source, True)


def _best_walk(source: Source, escape: bool) -> tuple[Walk, Graph]:
    if not source.inputs:
        raise ShapeError("the model takes no tensor inputs")
    best: tuple[Walk, Graph] | None = None
    failed: list[Walk] = []
    held = [node.meta["val"] for node in read_nodes(source)]
    for reading in itertools.product(*(NUMBERS if x.dtype in INTEGERS else readings(x.shape) for x in held)):
        walk = Walk(source, reading, escape=escape)
        graph = walk.run()
        if walk.problems:
            failed.append(walk)
            if len(failed) >= _FAILURES and any(not p.reason for p in walk.problems):
                break  # an operator without a reader has none in any layout
        elif best is None or _cost(walk) < _cost(best[0]):
            best = (walk, graph)
            if _cost(walk) == (0, 0):
                break
    if best is None:
        furthest = max(failed, key=lambda walk: (walk.understood, -len(walk.problems)))
        raise UnsupportedOperatorError(message(furthest.problems))
    return best


def lower(source: Source, *, allow_empty: bool = False, escape: bool | None = None) -> Graph:
    """The graph of an exported program, unoptimised; `escape` as `best_walk` has it.

    Raises UnsupportedOperatorError that lists every operator that cannot be compiled, and WeightError
    that names layers whose weights are all zero (unless `allow_empty`).
    """
    walk, graph = best_walk(source, escape=escape)
    empty = walk.builder.empty_layers
    if empty and not allow_empty:
        raise WeightError(
            f"all weights are zero in {', '.join(empty)}: the network cannot compute anything there; "
            "compile(..., allow_empty=True) takes it all the same"
        )
    return graph
