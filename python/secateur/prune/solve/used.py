"""The layers that one call of `one_shot` works on: by the operator that uses each, as the recipe has them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.fx import Node

from secateur.errors import PruningError
from secateur.prune.layers import Layer, find_layers
from secateur.prune.patterns import Channel
from secateur.prune.recipe import Recipe
from secateur.prune.solve.journal import Journal
from secateur.prune.solve.problem import Problem, gather
from secateur.prune.solve.repair import chain_behind
from secateur.prune.solve.walk import Pair, Walk, operator_name
from secateur.prune.targets import LayerTarget

SOLVABLE = ("linear", "conv1d", "conv2d")


class Used:
    """Layers by the node that uses them, and the least-squares problem of each."""

    def __init__(
        self, model: nn.Module, recipe: Recipe, walk: Walk, seed: int, journal: Journal | None = None
    ) -> None:
        self.model, self.recipe, self.walk, self.seed = model, recipe, walk, seed
        self.journal = journal
        self.notes: list[str] = []
        self.layers = find_layers(model, recipe, walk.batches[0], self.notes)
        for layer in self.layers:
            if isinstance(layer.pattern, Channel) and not layer.skip:
                raise PruningError(f"layer {layer.name!r}: one_shot prunes weights, not channels; use Pruner")
        self.targets = [LayerTarget(layer) for layer in self.layers if not layer.skip]
        if recipe.keep_zeros:
            for one in self.targets:
                one.keep_zeros()
        self.before = {
            layer.name: sum(p.numel() for p in layer.weight.holder()._parameters.values() if p is not None)
            for layer in self.layers
        }
        by_path = {one.layer.weight.path: one for one in self.targets}
        spare = {layer.weight.path: layer for layer in self.layers if layer.skip and not layer.weight.blocked}
        uses: dict[str, list[Node]] = {}
        for node in walk.graph.nodes:
            weight = node.args[1] if len(node.args) > 1 and operator_name(node) in SOLVABLE else None
            fed = node.args and node.args[0] not in walk.names  # by data, not by a parameter
            path = walk.names.get(weight) if isinstance(weight, Node) else None
            if fed and path is not None and (path in by_path or path in spare):
                uses.setdefault(path, []).append(node)
        self.unpruned = {
            nodes[0]: spare[path]
            for path, nodes in uses.items()
            if path in spare and not nodes[1:] and spare[path].parameter().requires_grad
        }
        uses = {path: nodes for path, nodes in uses.items() if path in by_path}
        self.solved = {nodes[0]: by_path[path] for path, nodes in uses.items()}
        for path, nodes in uses.items():
            if nodes[1:]:
                self.notes.append(
                    f"{by_path[path].name} is used {len(nodes)} times and fitted to its first use"
                )
        solved = {one.name for one in self.solved.values()}
        self.others = [one for one in self.targets if one.name not in solved]
        for one in self.others:
            self.notes.append(f"{one.name} is pruned by its score alone: no solver for this kind of layer")

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def _matrix(self, layer: Layer) -> Tensor:
        return layer.weight.matrix(layer.parameter().detach()).float()

    def _problem(
        self, node: Node, layer: Layer, values: dict[Node, Pair], target: str, generator: torch.Generator
    ) -> Problem:
        source = node.args[0]
        assert isinstance(source, Node)
        inputs, outputs = values[source].pruned, values[node].dense
        behind = chain_behind(self.walk, node, values)
        if target == "dense" and behind.lacking is not None:
            outputs = [y + behind.lacking(i) for i, y in enumerate(outputs)]
        elif target == "own" and not values[source].same:
            outputs = [self.walk._call(node, values, i, dense=False) for i in range(len(inputs))]
        centred = behind.batch_norm or (len(node.args) > 2 and node.args[2] is not None)
        groups = layer.weight.groups
        return gather(node, layer.name, inputs, outputs, groups=groups, centred=centred, generator=generator)
