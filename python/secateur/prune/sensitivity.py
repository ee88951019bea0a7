"""How much the outputs of a network change when one layer alone is pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from secateur.errors import PruningError
from secateur.prune.channels.surgery import apply_masks
from secateur.prune.example import Example, twin, unwrap
from secateur.prune.layers import find_layers
from secateur.prune.patterns import Channel
from secateur.prune.plan import plan_channels
from secateur.prune.recipe import Recipe
from secateur.prune.scopes import Uniform
from secateur.prune.targets import LayerTarget, Target, choose

AT = (0.25, 0.5, 0.75, 0.9)


def sensitivity(
    model: nn.Module,
    recipe: Recipe | Mapping[str, Any],
    inputs: Any,
    at: Sequence[float] = AT,
) -> dict[str, list[tuple[float, float]]]:
    """The change of the network's outputs with one layer (or group of channels) pruned, the others dense.

    For each target of the recipe (sparsity, change) at each of `at`, an N:M pattern at its own: the sum of
    squared differences over that of the outputs' squared distances from their mean, so that 1 is what a
    constant output would give. `inputs` as `Pruner` takes example inputs; some dozens say more than one. The
    model is not changed. Raises PruningError as `Pruner` does, and for outputs that are not finite.

    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    >>> found = sensitivity(net, {"sparsity": 0.5}, torch.randn(32, 8), at=(0.5, 0.9))
    >>> [(name, [s for s, _ in points]) for name, points in found.items()]
    [('0', [0.5, 0.9]), ('2', [0.5, 0.9])]
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.from_dict(recipe)
    inner = unwrap(model)
    example = Example.of(inputs, inner).fitted(inner)
    layers = find_layers(inner, recipe, example)
    targets: list[Target] = [
        LayerTarget(layer) for layer in layers if not (layer.skip or isinstance(layer.pattern, Channel))
    ]
    if any(isinstance(layer.pattern, Channel) and not layer.skip for layer in layers):
        targets += plan_channels(inner, layers, example)[0]
    copy = twin(inner)
    dense = _outputs(example, copy)
    spread = sum(float((y - y.mean(0, keepdim=True)).square().sum()) for y in dense)
    if not spread < float("inf"):
        raise PruningError("sensitivity: the network's outputs are not finite on these inputs")
    if spread == 0:  # one input, say
        spread = sum(float(y.square().sum()) for y in dense) or 1.0
    state = {name: p.detach().clone() for name, p in copy.named_parameters(remove_duplicate=False)}
    found: dict[str, list[tuple[float, float]]] = {}
    for target in targets:
        first, fixed = target.keep.clone(), target.pattern.fixed_sparsity
        for sparsity in at if fixed is None else (fixed,):
            target.keep = first.clone()
            choose([target], [sparsity], Uniform())
            masks = target.masks()
            apply_masks(copy, masks)
            change = sum(
                float((a - b).square().sum()) for a, b in zip(_outputs(example, copy), dense, strict=True)
            )
            parameters = dict(copy.named_parameters(remove_duplicate=False))
            with torch.no_grad():
                for name in masks:
                    parameters[name].copy_(state[name])
            found.setdefault(target.name, []).append((sparsity, change / spread))
        target.keep = first
    return found


def _outputs(example: Example, model: nn.Module) -> list[Tensor]:
    leaves = pytree.tree_leaves(example.call(model))
    return [leaf.double() for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point()]
