"""What a network should compute, and what the runtime does: in float32, in float64, node by node."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secateur.emit import Exposed
from secateur.frontend.torch import Source, evaluation_mode
from secateur.ir import Graph

Arrays = list[NDArray[np.float32]]


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


def exact_outputs(source: Source, inputs: Arrays) -> list[NDArray[Any]] | None:
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


def node_results(source: Source, inputs: Sequence[NDArray[np.float32]]) -> dict[str, Any]:
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


def run_exposed(
    graph: Graph, inputs: Sequence[NDArray[np.float32]], threads: int = 1
) -> dict[str, NDArray[Any]]:
    """Every value of the graph by name, as the runtime computes it."""
    return Exposed(graph, threads).run(inputs)
