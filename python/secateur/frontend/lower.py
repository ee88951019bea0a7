"""Walks the exported graph once, handing every operator to its handler.

A 3-D input may be images or tokens, a 2-D one features or tokens: nothing in its shape says. Lowering is
cheap, so every reading of the inputs is tried and the one that moves the least data is kept.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

import secateur.frontend.handlers as _handlers
from secateur.errors import ShapeError, UnsupportedOperatorError, WeightError
from secateur.frontend.axes import Atom, Dims, Tensor, merge, physical_index, whole
from secateur.frontend.builder import Builder
from secateur.frontend.export import Source
from secateur.frontend.registry import HANDLERS, Args, Scores, Unsupported
from secateur.ir import Graph, Port, Value, planes, verify

assert _handlers.__all__  # imported for what it registers

# Readings of an input by rank: which physical axis each dimension is. Likelier ones first: equal costs
# keep the order.
_READINGS = {
    1: ("C",),
    2: ("BC", "PC", "CP"),
    3: ("BCP", "BPC", "PPC", "CPP"),
    4: ("BCPP", "BPPC"),
}
# A batch of vectors is run as positions when it holds at least this many: one SpMM instead of as many SpMV.
_BATCH_AS_POSITIONS = 2


@dataclass(frozen=True)
class Problem:
    """One operator that cannot be compiled."""

    target: str
    reason: str
    where: str


class _Poison:
    """The result of an operator that failed: what reads it is checked for support, and not run."""


def location(node: torch.fx.Node) -> tuple[str, str]:
    """(qualified module path, "file.py:line") of the source of a node, where known."""
    stack = node.meta.get("nn_module_stack") or {}
    path = ""
    for entry in stack.values():
        path = entry[0]
    lines = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    own = [line for line in lines if "/torch/nn/" not in line[0]] or lines
    source = f"{own[-1][0].rsplit('/', 1)[-1]}:{own[-1][1]}" if own else ""
    return path, source


def _leaf_name(node: torch.fx.Node) -> str:
    """The layer's name, or the enclosing module's name and the operator's."""
    path, _ = location(node)
    stack = node.meta.get("nn_module_stack") or {}
    kind = str(list(stack.values())[-1][1]) if stack else ""
    short = str(node.target).removeprefix("aten.").split(".")[0].strip("_")
    container = (
        "Sequential",
        "ModuleList",
        "MultiheadAttention",
        "TransformerEncoderLayer",
        "TransformerDecoderLayer",
    )
    if path and kind.startswith("torch.nn.") and not kind.endswith(container):
        return path
    return f"{path}.{short}" if path else short


class Lowering:
    """One walk of the graph under one reading of the inputs; `env` maps nodes to what they became."""

    def __init__(self, source: Source, readings: Sequence[str]) -> None:
        self.source = source
        self.builder = Builder()
        self.env: dict[torch.fx.Node, Any] = {}
        self.problems: list[Problem] = []
        self.ports: list[Port] = []
        for node, reading in zip(source.inputs, readings, strict=True):
            self._input(node, reading)

    def _input(self, node: torch.fx.Node, reading: str) -> None:
        shape = tuple(int(s) for s in node.meta["val"].shape)
        sizes = dict.fromkeys("BCP", 1)
        dims: list[tuple[Atom, ...]] = [()] * len(shape)
        for i in reversed(range(len(shape))):
            axis = reading[i]
            dims[i] = merge([Atom(axis, shape[i], sizes[axis])])
            sizes[axis] *= shape[i]
        spatial = [shape[i] for i in range(len(shape)) if reading[i] == "P"]
        height, width = (1, 1, *spatial)[-2:]
        value = Value(self.builder.unique(node.name), planes(sizes["B"], sizes["C"], height, width))
        last = "channels_last" if reading[-1] == "C" and "P" in reading else "channels_first"
        self.ports.append(Port(node.name, value, shape, last))
        self.env[node] = Tensor(value, tuple(dims))

    def run(self) -> Graph:
        live = _live(self.source)
        for node in self.source.graph.nodes:
            if node not in live or (node.op == "placeholder" and node in self.env):
                continue
            if node.op == "placeholder" and node.name in self.source.constants:
                self.env[node] = self.source.constants[node.name]
            elif node.op == "call_function":
                self.env[node] = self._call(node)
            elif node.op in ("placeholder", "get_attr"):
                self.env[node] = _Poison()
                self.problems.append(Problem(str(node.target), "a value that is not a tensor", ""))
        outputs = [self._output(node, i) for i, node in enumerate(self.source.outputs)]
        if self.problems:
            return Graph(self.source.name, self.ports, [], [])
        graph = Graph(self.source.name, self.ports, [p for p in outputs if p is not None], self.builder.ops)
        verify(graph)
        return graph

    # --- one node -------------------------------------------------------------------------------------------

    def _resolve(self, argument: Any) -> Any:
        return torch.fx.node.map_arg(argument, lambda node: self.env[node])

    def _call(self, node: torch.fx.Node) -> Any:
        args, kwargs = self._resolve(node.args), self._resolve(node.kwargs)
        leaves = list(_leaves([args, kwargs]))
        target = str(node.target).removeprefix("aten.")
        path, source = location(node)
        where = path if not source else f"{path} ({source})" if path else source
        known = node.target is operator.getitem or target in HANDLERS
        computed = any(isinstance(leaf, (Tensor, Scores, _Poison)) for leaf in leaves)
        if computed and not known:
            self.problems.append(Problem(str(node.target), "", where))
            return _Poison()
        if any(isinstance(leaf, _Poison) for leaf in leaves):
            return _Poison()
        if node.target is operator.getitem:
            return args[0][args[1]]
        if not computed:
            return self._fold(node, args, kwargs)
        self.builder.node_name = self._layer_name(node) or _leaf_name(node)
        self.builder.node_source = source
        try:
            result = HANDLERS[target](self.builder, Args(target, _bind(node.target, args, kwargs)))
        except Unsupported as problem:
            self.problems.append(Problem(str(node.target), str(problem), where))
            return _Poison()
        if isinstance(result, Tensor):
            expected = tuple(node.meta["val"].shape)
            assert result.shape == expected, f"{target}: {result.shape} is not {expected}"
        return result

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

    def _output(self, node: torch.fx.Node, index: int) -> Port | None:
        x = self.env[node]
        name = self.source.output_names[index]
        self.builder.node_name, self.builder.node_source = name, ""
        try:
            if isinstance(x, Scores) and not x.normalised:
                raise Unsupported("a product of two computed tensors is taken in softmax(q @ k^T) @ v only")
            if isinstance(x, Scores):
                raise Unsupported("attention weights as an output (need_weights=False avoids them)")
            if not isinstance(x, Tensor):
                if not isinstance(x, _Poison):
                    raise Unsupported("an output that does not depend on the inputs")
                return None
            return _port(self.builder, x, name)
        except Unsupported as problem:
            self.problems.append(Problem("output", str(problem), name))
            return None


def _port(b: Builder, x: Tensor, name: str) -> Port:
    """An output port; planes are reordered where the user's order is neither [B, C, P] nor [B, P, C]."""
    for attempt in range(2):
        atoms = merge(atom for dim in x.dims for atom in dim)
        axes = {axis: whole(axis, x.size(axis)) for axis in "BCP"}
        if atoms == merge((*axes["B"], *axes["C"], *axes["P"])):
            return Port(name, x.value, x.shape, "channels_first")
        if atoms == merge((*axes["B"], *axes["P"], *axes["C"])):
            return Port(name, x.value, x.shape, "channels_last")
        if attempt == 0:
            holders = [i for i, dim in enumerate(x.dims) if any(a.axis == "C" for a in dim)]
            order = physical_index(a for i in holders for a in x.dims[i] if a.axis == "C")
            if all(a.axis == "C" for i in holders for a in x.dims[i]) and order.size == x.value.channels:
                x = b.channels_in(x, holders, ordered=True)
    raise Unsupported("an output whose dimensions are in an order that planes do not have")


def _live(source: Source) -> set[torch.fx.Node]:
    """The nodes that an output depends on."""
    live: set[torch.fx.Node] = set()
    waiting = list(source.outputs)
    while waiting:
        node = waiting.pop()
        if node not in live:
            live.add(node)
            waiting.extend(node.all_input_nodes)
    return live


def _leaves(item: Any) -> Any:
    if isinstance(item, (list, tuple)):
        for part in item:
            yield from _leaves(part)
    elif isinstance(item, dict):
        yield from _leaves(list(item.values()))
    else:
        yield item


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


def _readings(node: torch.fx.Node) -> tuple[str, ...]:
    shape = node.meta["val"].shape
    choices = _READINGS[len(shape)]
    if len(shape) == 2 and shape[0] >= _BATCH_AS_POSITIONS:
        return ("PC", "BC", "CP")
    return choices


def best_lowering(source: Source) -> tuple[Lowering, Graph]:
    """The walk that moves the least data, and its graph. Raises UnsupportedOperatorError when none
    succeeds."""
    if not source.inputs:
        raise ShapeError("the model takes no tensor inputs")
    best: tuple[Lowering, Graph] | None = None
    fewest: list[Problem] | None = None
    for readings in itertools.product(*(_readings(node) for node in source.inputs)):
        attempt = Lowering(source, readings)
        graph = attempt.run()
        if attempt.problems:
            if fewest is None or len(attempt.problems) < len(fewest):
                fewest = attempt.problems
            if any(not p.reason for p in attempt.problems):
                break  # an operator without a handler has none in any layout
        elif best is None or attempt.builder.moves < best[0].builder.moves:
            best = (attempt, graph)
            if attempt.builder.moves == 0:
                break
    if best is None:
        assert fewest
        raise UnsupportedOperatorError(_message(fewest))
    return best


def lower(source: Source, *, allow_empty: bool = False) -> Graph:
    """The graph of an exported program, unoptimised.

    Raises UnsupportedOperatorError that lists every operator that cannot be compiled, and WeightError
    that names layers whose weights are all zero (unless `allow_empty`).
    """
    attempt, graph = best_lowering(source)
    empty = attempt.builder.empty_layers
    if empty and not allow_empty:
        raise WeightError(
            f"all weights are zero in {', '.join(empty)}: the network cannot compute anything there; "
            "compile(..., allow_empty=True) takes it all the same"
        )
    return graph


def _message(problems: Sequence[Problem]) -> str:
    """Every operator once, with its count, reason and first places."""
    counts = Counter((p.target, p.reason) for p in problems)
    parts = []
    for (target, reason), count in counts.items():
        places = [p.where for p in problems if (p.target, p.reason) == (target, reason) and p.where]
        text = target + (f" x{count}" if count > 1 else "") + (f" ({reason})" if reason else "")
        if places:
            text += f" at {', '.join(places[:3])}" + (", ..." if len(places) > 3 else "")
        parts.append(text)
    many = "operators are" if len(counts) > 1 else "operator is"
    return f"{len(counts)} {many} not supported: " + "; ".join(parts)


__all__ = ["Dims", "lower"]
