"""Which weights come first and which last when a network runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from secateur.errors import PruningError
from secateur.prune.channels.trace import export_graph
from secateur.prune.example import Example
from secateur.prune.weights import Weight


def ends(
    model: nn.Module, weights: Sequence[Weight], example: Example | None
) -> tuple[list[str], list[str], str]:
    """(first, last, note): the weights that no other comes before, and those that no other follows.

    A network of several heads has several last ones. Without example inputs, or where the network cannot be
    traced, the order of definition has to do, and the note says so.
    """
    names = [weight.name for weight in weights]
    if example is None:
        return names[:1], names[-1:], "for lack of example_inputs"
    try:
        graph, targets = export_graph(model, example)
    except PruningError:
        return names[:1], names[-1:], "since torch.export cannot trace the network"
    paths = {weight.path: weight.name for weight in weights}
    carries: dict[object, str] = {}  # nodes that are a weight, perhaps with its axes moved
    reached: dict[object, bool] = {}  # nodes that depend on a weighted layer
    uses: list[tuple[object, set[str]]] = []
    before: dict[str, bool] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            name = paths.get(targets.get(node.name, ""))
            if name is not None:
                carries[node] = name
            continue
        inputs = list(node.all_input_nodes)
        held = {carries[n] for n in inputs if n in carries}
        data = [n for n in inputs if n not in carries]
        if held and not data:
            carries[node] = next(iter(held))
            continue
        late = any(reached.get(n, False) for n in data)
        for name in held:
            before[name] = before.get(name, False) or late
            uses.append((node, held))
        reached[node] = late or bool(held)
    followed = _followed(graph.nodes, {node for node, _ in uses})
    after: dict[str, bool] = {}
    for node, held in uses:
        for name in held:
            after[name] = after.get(name, False) or followed[node]
    first = [name for name in names if before.get(name) is False]
    last = [name for name in names if after.get(name) is False]
    return first, last, ""


def _followed(nodes: Iterable[object], layers: set[object]) -> dict[object, bool]:
    """Whether any weighted layer uses what a node gives, by node."""
    result: dict[object, bool] = {}
    for node in reversed(list(nodes)):
        users = getattr(node, "users", {})
        result[node] = any(user in layers or result.get(user, False) for user in users)
    return result
