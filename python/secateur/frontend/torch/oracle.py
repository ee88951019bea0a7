"""What a PyTorch network should compute: itself, its export, in float32, in float64, node by node."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secateur.frontend.common import Arrays, refuse_empty, same
from secateur.frontend.torch.export import Source, evaluation_mode
from secateur.frontend.torch.inputs import fresh
from secateur.frontend.torch.nodes import location
from secateur.frontend.torch.qdq import marked
from secateur.frontend.torch.walk import best_walk
from secateur.ir import Graph
from secateur.ir.reference import run_graph
from secateur.lowering.axes import Tensor, to_logical


def expected_outputs(source: Source, inputs: Sequence[torch.Tensor]) -> Arrays:
    """What the exported program computes in PyTorch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _call(source.program.module(), source, inputs)


def module_outputs(source: Source, inputs: Sequence[torch.Tensor]) -> Arrays | None:
    """What the network itself computes, not its export; None where there is only the export."""
    if source.module is None:
        return None
    with evaluation_mode(source.module):
        return _call(source.module, source, inputs)


@contextmanager
def first_states(source: Source) -> Iterator[None]:
    """The buffers that the network changes are as before its first run, at the end as they were.

    A network may write into a buffer or put another tensor in its place: both are undone.
    """
    places: list[tuple[dict[str, Any], str, torch.Tensor, torch.Tensor]] = []
    for state in source.states:
        path, _, leaf = state.name.rpartition(".")
        holders = [source.program.state_dict]
        if source.module is not None:
            holders.append(source.module.get_submodule(path)._buffers)
        for holder, key in zip(holders, (state.name, leaf), strict=False):
            if key in holder:
                places.append((holder, key, holder[key], holder[key].detach().clone()))
                holder[key] = state.first.clone()
    try:
        yield
    finally:
        with torch.no_grad():
            for holder, key, tensor, before in places:
                holder[key] = tensor.copy_(before)


def _call(module: Callable[..., Any], source: Source, inputs: Sequence[torch.Tensor]) -> Arrays:
    args, kwargs = source.call([x.clone() for x in inputs])
    with torch.no_grad():
        result: Any = module(*args, **kwargs)
    leaves = torch.utils._pytree.tree_leaves(result)
    return [leaf.detach().contiguous().numpy() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def exact_outputs(source: Source, inputs: Arrays) -> Arrays | None:
    """What PyTorch computes in float64 with the same weights; None where the graph insists on float32."""

    def double(x: torch.Tensor) -> torch.Tensor:
        return x.double() if x.is_floating_point() else x

    user = {node.name: double(torch.from_numpy(x)) for node, x in zip(source.inputs, inputs, strict=True)}
    constants = {name: double(x) for name, x in source.constants.items()}
    module = source.program.graph_module
    arguments = [{**constants, **user}[n.name] for n in module.graph.nodes if n.op == "placeholder"]
    try:
        with torch.no_grad():
            result = torch.fx.Interpreter(module).run(*arguments)
    except RuntimeError:
        return None
    leaves = torch.utils._pytree.tree_leaves(result)
    changed = len(source.program.graph_signature.buffers_to_mutate)  # they come first
    return [leaf.detach().double().numpy() for leaf in leaves[changed:] if isinstance(leaf, torch.Tensor)]


class _Recorder(torch.fx.Interpreter):
    """Keeps every node's result."""

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.results: dict[str, Any] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        self.results[n.name] = result
        return result


def node_results(source: Source, inputs: Arrays) -> dict[str, Any]:
    """What PyTorch computes at every node of the exported graph, by the node's name."""
    module = source.program.graph_module
    arguments: list[Any] = []
    user = {node.name: torch.from_numpy(x) for node, x in zip(source.inputs, inputs, strict=True)}
    for node in module.graph.nodes:
        if node.op == "placeholder":
            arguments.append(user.get(node.name, source.constants.get(node.name)))
    recorder = _Recorder(module)
    with torch.no_grad():
        recorder.run(*arguments)
    return recorder.results


class TorchOracle:
    """What verification asks of a PyTorch network (`secateur.frontend.common.Oracle`)."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self.notes: Sequence[str] = source.stored.notes
        self.tensor_scales: Mapping[str, tuple[float, int]] = {}
        self.row_scales: Mapping[str, NDArray[np.float32]] = {}
        self.states: Sequence[str] = [state.name for state in source.states]

    def examples(self) -> Arrays | None:
        held = self._source.example_inputs
        return None if held is None else [np.asarray(x.numpy(), order="C") for x in held]

    def fresh(self, seed: int = 0) -> Arrays:
        examples = self._source.example_inputs or ()
        drawn = fresh(examples, seed)
        if any(not x.is_floating_point() for x in examples):
            try:
                self.itself([x.numpy() for x in drawn])
            except (
                RuntimeError,
                IndexError,
                ValueError,
            ):  # offsets of bags begin at 0: not any numbers will do
                drawn = tuple(
                    x if x.is_floating_point() else x0 for x, x0 in zip(drawn, examples, strict=True)
                )
        return [np.asarray(x.numpy(), order="C") for x in drawn]

    def lower(self, *, allow_empty: bool = False) -> Graph:
        walk, graph = best_walk(self._source)
        if not allow_empty:
            refuse_empty(walk)
        stored, nodes = self._source.stored, marked(self._source.graph.nodes)
        made = {name: x for name, node in nodes.items() if isinstance(x := walk.env.get(node), Tensor)}
        self.tensor_scales = {
            x.value.name: (stored.tensors[name].scale, stored.tensors[name].zero_point)
            for name, x in made.items()
        }
        self.row_scales = walk.row_scales
        return graph

    def itself(self, inputs: Arrays, runs: int = 1) -> Arrays | None:
        with first_states(self._source):
            for _ in range(runs):
                outputs = module_outputs(self._source, _tensors(inputs))
        return outputs

    def exported(self, inputs: Arrays) -> Arrays:
        with first_states(self._source):
            return expected_outputs(self._source, _tensors(inputs))

    def quantised(self, inputs: Arrays) -> Arrays | None:
        came = self._source.quantised
        if came is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _call(came.module(), self._source, _tensors(inputs))

    def exact(self, inputs: Arrays) -> Arrays | None:
        return exact_outputs(self._source, inputs)

    def untrue(self, distance: float) -> str:
        return (
            f"what torch.export makes of {self.name} differs from {self.name} itself by {distance:.3g}: its "
            "forward turns values of the example inputs into constants, or does not give the same result "
            "twice"
        )

    def first_mistranslated(self, inputs: Arrays) -> str | None:
        results = node_results(self._source, inputs)
        walk, graph = best_walk(self._source)
        read = [*inputs, *(state.first for state in graph.states)]
        _, values = run_graph(graph, [x.astype(np.float64) for x in read])
        for node in self._source.graph.nodes:
            lowered = walk.env.get(node)
            want = results.get(node.name)
            if not isinstance(lowered, Tensor) or not isinstance(want, torch.Tensor):
                continue
            got = to_logical(values[lowered.value.name], lowered)
            if not same(got, want.detach().numpy()):
                path, place = location(node)
                return f"{path or node.name}, {node.target}" + (f" ({place})" if place else "")
        return None


def _tensors(inputs: Sequence[NDArray[Any]]) -> list[torch.Tensor]:
    return [torch.from_numpy(x) for x in inputs]
