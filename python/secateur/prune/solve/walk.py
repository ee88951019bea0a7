"""Runs a network operator by operator over all calibration batches, as it was and as it is pruned.

Each operator is run once on every batch before the next: so a layer can be changed when its inputs in the
pruned network are known, and everything behind it sees the change. What nobody reads any more is freed;
above a bound, values lie in unlinked temporary files that the system pages out.
"""

from __future__ import annotations

import operator
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node
from torch.utils import _pytree as pytree

from secateur.errors import PruningError
from secateur.prune.example import Example, plain_precision, twin

Values = list[Any]  # what a node gives for each batch: a tensor, or a tuple of them
BATCH_NORMS = ("_native_batch_norm_legit_no_training", "batch_norm")


@dataclass
class Pair:
    """A node's values in the dense and in the pruned network; one list where they are the same."""

    dense: Values
    pruned: Values

    @property
    def same(self) -> bool:
        """Whether pruning has not reached this node."""
        return self.dense is self.pruned


class Walk:
    """The graph of `model` with its dense parameters aside; `run` goes through it once.

    `model` is the network that is pruned, in place, while it runs. Raises PruningError where torch.export
    cannot trace it, or the batches are of no one shape.
    """

    def __init__(self, model: nn.Module, batches: Sequence[Example], memory: int) -> None:
        if not batches:
            raise PruningError("calibration: there is no batch; give some hundred inputs")
        shapes = [str(batch) for batch in batches]
        self.batches = [batch for batch, shape in zip(batches, shapes, strict=True) if shape == shapes[0]]
        self.dropped = len(batches) - len(self.batches)
        self.model = model
        self._memory = memory
        first = self.batches[0]
        try:
            with warnings.catch_warnings(), torch.no_grad(), plain_precision():
                warnings.simplefilter("ignore")
                program = torch.export.export(twin(model), first.args, first.kwargs, strict=False)
                program = program.run_decompositions({})
        except Exception as error:
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise PruningError(
                f"one_shot traces the network by torch.export, which failed: {line}. Check the calibration "
                f"batches ({first})"
            ) from error
        self.graph = program.graph
        self.names: dict[Node, str] = {}
        self._dense: dict[Node, Any] = {}
        self._inputs: list[Node] = []
        nodes = {node.name: node for node in self.graph.nodes if node.op == "placeholder"}
        for spec in program.graph_signature.input_specs:
            node = nodes[spec.arg.name]
            if spec.target is None:
                self._inputs.append(node)
            elif (found := _tensor(model, spec.target)) is not None:
                self.names[node] = spec.target
                self._dense[node] = found.detach().clone()
            else:  # a constant of the program
                self._dense[node] = program.constants[spec.target]

    def live(self, node: Node) -> Tensor:
        """The parameter or buffer behind a placeholder, in the network that is pruned."""
        found = _tensor(self.model, self.names[node])
        assert found is not None
        return found

    def original(self, node: Node) -> Tensor:
        """The same in the dense network."""
        found = self._dense[node]
        assert isinstance(found, Tensor)
        return found

    def run(self, visit: Callable[[Node, dict[Node, Pair]], None]) -> None:
        """Go through the graph; `visit(node, values)` comes before the pruned network runs the node.

        At that time `values` holds the node's inputs, and its dense outputs under the node itself.
        """
        last: dict[Node, Node] = {}
        for node in self.graph.nodes:
            for source in node.all_input_nodes:
                last[source] = node
        values: dict[Node, Pair] = {}
        self._held: dict[int, int] = {}
        leaves = [pytree.tree_leaves((batch.args, batch.kwargs)) for batch in self.batches]
        for place, node in enumerate(self._inputs):
            given = [batch[place] for batch in leaves]
            values[node] = Pair(given, given)
        with torch.no_grad(), plain_precision():
            for node in self.graph.nodes:
                if node.op != "call_function":
                    continue
                inputs = [values[n] for n in node.all_input_nodes if n in values]
                dense = [self._call(node, values, i, dense=True) for i in range(len(self.batches))]
                values[node] = Pair(dense, dense)
                visit(node, values)
                changed = any(n in self.names and self._moved(n) for n in node.all_input_nodes)
                if changed or not all(pair.same for pair in inputs):
                    pruned = [self._call(node, values, i, dense=False) for i in range(len(self.batches))]
                    values[node] = Pair(dense, pruned)
                for source in {*node.all_input_nodes, node}:
                    if last.get(source, node) is node:
                        self._release(values.pop(source, None))

    def _moved(self, node: Node) -> bool:
        return not torch.equal(self.live(node).detach(), self._dense[node])

    def _call(self, node: Node, values: dict[Node, Pair], batch: int, *, dense: bool) -> Any:
        def argument(value: Node) -> Any:
            if value in values:
                return (values[value].dense if dense else values[value].pruned)[batch]
            return self._dense[value] if dense or value not in self.names else self.live(value).detach()

        args = torch.fx.node.map_arg(node.args, argument)
        kwargs = torch.fx.node.map_arg(node.kwargs, argument)
        result = node.target(*args, **kwargs)  # type: ignore[operator]
        return result if node.target is operator.getitem else self._stored(result)

    def _stored(self, result: Any) -> Any:
        if not isinstance(result, Tensor) or result._is_view() or result.device.type != "cpu":
            return result
        size = result.numel() * result.element_size()
        if size == 0 or sum(self._held.values()) + size <= self._memory:
            self._held[id(result)] = size
            return result
        handle, path = tempfile.mkstemp(prefix="secateur-")
        os.close(handle)
        try:
            spilled = torch.from_file(path, shared=True, size=result.numel(), dtype=result.dtype)
        finally:
            os.unlink(path)
        return spilled.view(result.shape).copy_(result)

    def _release(self, pair: Pair | None) -> None:
        if pair is None:
            return
        for value in [*pair.dense, *([] if pair.same else pair.pruned)]:
            self._held.pop(id(value), None)


def _tensor(model: nn.Module, path: str) -> Tensor | None:
    owner, _, key = path.rpartition(".")
    try:
        module = model.get_submodule(owner)
    except AttributeError:
        return None
    found = module._parameters.get(key)
    return found if found is not None else module._buffers.get(key)


def operator_name(node: Node) -> str:
    """The ATen name of an operator node, without overload."""
    packet = getattr(node.target, "overloadpacket", node.target)
    return str(packet).removeprefix("aten.")
