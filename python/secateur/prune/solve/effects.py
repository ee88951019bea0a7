"""What an error in a layer's weights does to the network's outputs, to first order.

The errors of two layers compare badly over the energy of each layer's own outputs: on MobileNetV2 the same
relative error changes the outputs some 150 times as much in one layer as in another. A change D of a layer's
weights changes the outputs f of one input by J vec(D), and for a random vector v of signs the mean of
(v J vec(D))^2 is |J vec(D)|^2 (Hutchinson, *A stochastic estimator of the trace*, 1990). v J is the gradient
of v f by the weights, for that input alone: one backward pass for all layers and all their choices at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node
from torch.utils import _pytree as pytree

from secateur.prune.example import plain_precision
from secateur.prune.solve.problem import rows_of
from secateur.prune.solve.walk import Walk

INPUTS = 64  # that effects are the mean over; spread over all batches
PROBES = 2  # backward passes for each


@dataclass(frozen=True)
class Changes:
    """What is tried on one layer: `weights` [choices][groups][rows][cols], of every `step`-th row of a group.

    mean: of its inputs, [groups][cols], where a bias or a batch norm behind it takes constants out, else
    zeros.
    """

    weights: Tensor
    step: int
    mean: Tensor


def effects(walk: Walk, changes: Mapping[Node, Changes], generator: torch.Generator) -> dict[Node, Tensor]:
    """For each layer and choice the mean square change of the outputs, of unit spread each, [choices].

    Rows that are left out count as those that are sampled. Empty where the network has no gradient.
    """
    sums = {node: torch.zeros(len(change.weights), dtype=torch.float64) for node, change in changes.items()}
    leaves = [pytree.tree_leaves((batch.args, batch.kwargs)) for batch in walk.batches]
    items = [next((len(x) for x in batch if isinstance(x, Tensor) and x.dim()), 1) for batch in leaves]
    stride = max(1, sum(items) // INPUTS // max(items))
    count = 0
    for batch, size in list(zip(leaves, items, strict=True))[::stride]:
        if count >= INPUTS:
            break
        try:
            _add(walk, batch, size, changes, sums, generator)
        except RuntimeError:  # an operator without a derivative
            return {}
        count += size
    return {node: total / (count * PROBES) for node, total in sums.items()}


def _add(
    walk: Walk,
    batch: list[object],
    size: int,
    changes: Mapping[Node, Changes],
    sums: dict[Node, Tensor],
    generator: torch.Generator,
) -> None:
    with torch.enable_grad(), plain_precision():
        inputs, outputs, results = _forward(walk, batch, changes)
        signs = [torch.randint(0, 2, (PROBES, *y.shape), generator=generator).to(y) * 2 - 1 for y in results]
        scales = [1 / max(float(y.detach().float().std(correction=0)), 1e-12) for y in results]
        for probe in range(PROBES):
            found = torch.autograd.grad(
                results,
                list(outputs.values()),
                [sign[probe] * scale for sign, scale in zip(signs, scales, strict=True)],
                retain_graph=probe + 1 < PROBES,
                allow_unused=True,
            )
            for node, gradient in zip(outputs, found, strict=True):
                if gradient is not None:
                    sums[node] += _squares(node, changes[node], inputs[node], gradient, size)


def _forward(
    walk: Walk, batch: list[object], changes: Mapping[Node, Changes]
) -> tuple[dict[Node, Tensor], dict[Node, Tensor], list[Tensor]]:
    """(the inputs of the layers, their outputs, those of the network) of one batch, dense."""
    values: dict[Node, object] = dict(zip(walk._inputs, batch, strict=True))
    inputs: dict[Node, Tensor] = {}
    outputs: dict[Node, Tensor] = {}

    def argument(node: Node) -> Any:
        return values[node] if node in values else walk._dense[node]

    results: list[Tensor] = []
    for node in walk.graph.nodes:
        if node.op == "call_function":
            args = torch.fx.node.map_arg(node.args, argument)
            kwargs = torch.fx.node.map_arg(node.kwargs, argument)
            result = node.target(*args, **kwargs)
            if node in changes:
                result = result if result.requires_grad else result.detach().requires_grad_()
                inputs[node], outputs[node] = args[0].detach(), result
            values[node] = result
        elif node.op == "output":
            leaves = pytree.tree_leaves(torch.fx.node.map_arg(node.args, argument))
            results = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad]
    if not results:
        raise RuntimeError("no output depends on a layer by a gradient")
    return inputs, outputs, results


def _squares(node: Node, change: Changes, x: Tensor, gradient: Tensor, size: int) -> Tensor:
    """The sum over `size` inputs of the squared change of the probed outputs, for each choice."""
    groups = change.weights.shape[1]
    left, right = rows_of(node, x.float(), gradient.float(), groups)
    right = right[:, :, :: change.step]
    left = left - change.mean[:, None].to(left)
    items = size if left.shape[1] % size == 0 else 1
    left, right = (part.reshape(groups, items, -1, part.shape[-1]) for part in (left, right))
    alone = right.transpose(2, 3) @ left  # the gradient by the weights for each input alone
    along = torch.einsum("girc,kgrc->kgir", alone, change.weights.to(alone))
    return along.double().square().sum((1, 2, 3)).cpu() * change.step
