"""Runs a network operator by operator over all calibration batches, as it was and as it is pruned.

Each operator is run once on every batch before the next: so a layer can be changed when its inputs in the
pruned network are known, and everything behind it sees the change. Batches are cut so small that what one
operator makes of one fits a cache, and a value is freed batch by batch as its last reader goes through,
so that the next takes its memory. Above a bound, values lie in unlinked temporary files that the system
pages out.
"""

from __future__ import annotations

import operator
import os
import tempfile
import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node
from torch.utils import _pytree as pytree

from secateur.errors import PruningError
from secateur.prune.example import Example, plain_precision, twin

Values = list[Any]  # what a node gives for each batch: a tensor, a tuple of them, or None when it was freed
BATCH_NORMS = ("_native_batch_norm_legit_no_training", "batch_norm")
# Bytes of the largest value that an operator makes of one batch. Below the 32 MB from which malloc gives
# every block back to the system, whose pages then cost more than the operator (18 of 43 s, before).
LARGEST = 12 << 20


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

    def __init__(self, model: nn.Module, batches: Sequence[Example], memory: int | None) -> None:
        if not batches:
            raise PruningError("calibration: there is no batch; give some hundred inputs")
        shapes = [str(batch) for batch in batches]
        whole = [batch for batch, shape in zip(batches, shapes, strict=True) if shape == shapes[0]]
        self.dropped = len(batches) - len(whole)
        self.model = model
        self._memory = _half_of_the_free() if memory is None else memory
        program = _exported(model, whole[0])
        self.batches = whole
        if (cut := _cut(model, program.graph, whole)) is not None:
            self.batches, program = cut, _exported(model, cut[0])
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

    def run(self, visit: Callable[[Node, dict[Node, Pair]], None], *, pruned: bool = True) -> None:
        """Go through the graph; `visit(node, values)` comes before the pruned network runs the node.

        At that time `values` holds the node's inputs, the dense ones only as far as later nodes read them,
        and its dense outputs under the node itself; `moments` those of what feeds a batch norm. With `pruned`
        false the network is as it was, and not run a second time.
        """
        last: dict[Node, Node] = {}
        for node in self.graph.nodes:
            for source in node.all_input_nodes:
                last[source] = node
        values: dict[Node, Pair] = {}
        self._held = 0
        self.moments: dict[Node, tuple[Moments, Moments]] = {}
        leaves = [pytree.tree_leaves((batch.args, batch.kwargs)) for batch in self.batches]
        for place, node in enumerate(self._inputs):
            given = [batch[place] for batch in leaves]
            values[node] = Pair(given, given)
        with torch.no_grad(), plain_precision():
            for node in self.graph.nodes:
                if node.op == "call_function":
                    done = [n for n in node.all_input_nodes if last[n] is node]
                    self._pass(node, values, done, visit, pruned)
                    for source in {*node.all_input_nodes, node}:
                        if last.get(source, node) is node:
                            values.pop(source, None)
                            self.moments.pop(source, None)

    def _pass(
        self,
        node: Node,
        values: dict[Node, Pair],
        done: list[Node],
        visit: Callable[[Node, dict[Node, Pair]], None],
        pruned: bool,
    ) -> None:
        """Run one operator on every batch, freeing the inputs that it is the last to read (`done`)."""
        inputs = [values[n] for n in node.all_input_nodes if n in values]
        apart = [values[n] for n in done if n in values and not values[n].same]
        watched = any(operator_name(user) in BATCH_NORMS and user.args[0] is node for user in node.users)
        dense: Values = []
        was, now = Moments(), Moments()
        for i in range(len(self.batches)):
            dense.append(self._call(node, values, i, dense=True))
            if watched:
                was.add(dense[i])
            for pair in apart:
                pair.dense[i] = None
        values[node] = Pair(dense, dense)
        self.moments[node] = (was, was)
        visit(node, values)
        if not pruned:
            return
        changed = any(n in self.names and self._moved(n) for n in node.all_input_nodes)
        if not changed and all(pair.same for pair in inputs):
            return
        other: Values = []
        for i in range(len(self.batches)):
            other.append(self._call(node, values, i, dense=False))
            if watched:
                now.add(other[i])
            for source in done:
                if source in values:
                    values[source].pruned[i] = None
        values[node] = Pair(dense, other)
        self.moments[node] = (was, now)

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
        if isinstance(result, tuple):
            return tuple(self._stored(value) for value in result)
        if not isinstance(result, Tensor) or result._is_view() or result.device.type != "cpu":
            return result
        size = _bytes(result)
        if size == 0:
            return result
        if self._held + size <= self._memory:
            self._held += size
            weakref.finalize(result, self._freed, size).atexit = False
            return result
        handle, path = tempfile.mkstemp(prefix="secateur-")
        os.close(handle)
        try:
            spilled = torch.from_file(path, shared=True, size=result.numel(), dtype=result.dtype)
        finally:
            os.unlink(path)
        return spilled.view(result.shape).copy_(result)

    def _freed(self, size: int) -> None:
        self._held -= size


class Moments:
    """Mean and variance of each channel (axis 1) over batches, gathered one by one."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None
        self._count = 0

    def add(self, x: Tensor) -> None:
        """Take a batch in: [batch][channels] and any positions."""
        axes = [axis for axis in range(x.dim()) if axis != 1]
        if self._sums is None:  # what is subtracted, so that the mean does not cancel against the squares
            self._off = x.float().mean(axes, keepdim=True)
            self._sums = torch.zeros(2, x.shape[1], dtype=torch.float64, device=x.device)
        x = x.float() - self._off
        self._sums += torch.stack([x.sum(axes), x.square().sum(axes)]).double()
        self._count += x.numel() // x.shape[1]

    def settle(self) -> tuple[Tensor, Tensor]:
        """(mean, variance), float64 [channels]."""
        assert self._sums is not None
        mean, square = self._sums / self._count
        return mean + self._off.flatten().double(), (square - mean.square()).clamp_min(0)


def _exported(model: nn.Module, first: Example) -> torch.export.ExportedProgram:
    try:
        with warnings.catch_warnings(), torch.no_grad(), plain_precision():
            warnings.simplefilter("ignore")
            program = torch.export.export(twin(model), first.args, first.kwargs, strict=False)
            plain: torch.export.ExportedProgram = program.run_decompositions({})
            return plain
    except Exception as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PruningError(
            f"one_shot traces the network by torch.export, which failed: {line}. Check the calibration "
            f"batches ({first})"
        ) from error


def _cut(model: nn.Module, graph: torch.fx.Graph, batches: Sequence[Example]) -> list[Example] | None:
    """The batches in parts whose values are below LARGEST, or None where they are or cannot be.

    A network may mix the inputs of a batch, or hold its size in its text; so one batch is tried.
    """
    leaves, spec = pytree.tree_flatten((batches[0].args, batches[0].kwargs))
    if not all(isinstance(leaf, Tensor) and leaf.dim() for leaf in leaves):
        return None
    sizes = {len(leaf) for leaf in leaves}
    largest = max((_bytes(node.meta.get("val")) for node in graph.nodes), default=0)
    if len(sizes) != 1 or largest <= LARGEST or (count := sizes.pop()) < 2:
        return None
    parts = next(p for p in range(2, count + 1) if count % p == 0 and (largest / p <= LARGEST or p == count))

    def cut(batch: Example) -> list[Example]:
        pieces = [leaf.chunk(parts) for leaf in pytree.tree_leaves((batch.args, batch.kwargs))]
        made = [pytree.tree_unflatten(list(piece), spec) for piece in zip(*pieces, strict=True)]
        return [Example(tuple(args), kwargs) for args, kwargs in made]

    network, first = twin(model), batches[0]
    try:
        want = pytree.tree_leaves(first.call(network))
        got = zip(*(pytree.tree_leaves(part.call(network)) for part in cut(first)), strict=True)
        same = all(
            isinstance(w, Tensor) and torch.allclose(torch.cat(g), w, rtol=1e-3, atol=1e-4, equal_nan=True)
            for w, g in zip(want, got, strict=True)
        )
    except Exception:  # whatever it says, whole batches are what it was written for
        return None
    return [part for batch in batches for part in cut(batch)] if same else None


def _bytes(value: object) -> int:
    return value.numel() * value.element_size() if isinstance(value, Tensor) else 0


def _half_of_the_free() -> int:
    """Half of the memory that is free now, in bytes; 2 GB where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            free = next(line for line in file if line.startswith("MemAvailable"))
        return int(free.split()[1]) * 1024 // 2
    except (OSError, ValueError, IndexError, StopIteration):
        return 2 << 30


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
