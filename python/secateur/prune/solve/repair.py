"""What stands behind a layer: the batch norm that is set to fit, and the residual sum it can make good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.fx import Node

from secateur.prune.solve.walk import BATCH_NORMS, Pair, Walk, operator_name

# A batch norm that scales a channel by less than this cannot pass a wish for its output on.
SMALLEST_SCALE = 1e-3


@dataclass(frozen=True)
class Behind:
    """batch_norm: one follows at once; lacking: what to add to the outputs of batch i for a residual sum."""

    batch_norm: bool
    lacking: Callable[[int], Tensor] | None


def _only_user(node: Node) -> Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def chain_behind(walk: Walk, node: Node, values: dict[Node, Pair]) -> Behind:
    """Follows the output of a layer through a batch norm to a sum with a value that is known already.

    In the sum y + x the pruned network has x' for x: the layer can aim at y + (x - x'), so that the sum is
    right. Through a batch norm that scales by s it aims at y + (x - x') / s.
    """
    norm, scale = None, None
    after = _only_user(node)
    if after is not None and operator_name(after) in BATCH_NORMS and after.args[0] is node:
        norm = after
        scale = _scale(walk, after)
        after = _only_user(after)
        if after is not None and "getitem" in str(after.target):
            after = _only_user(after)
    if after is None or operator_name(after) != "add" or after.kwargs.get("alpha", 1) != 1:
        return Behind(norm is not None, None)
    shape = after.meta["val"].shape
    others = [n for n in after.all_input_nodes if n in values and not values[n].same]
    others = [n for n in others if n is not node and n.meta["val"].shape == shape == node.meta["val"].shape]
    if len(others) != 1 or len(after.all_input_nodes) != 2:
        return Behind(norm is not None, None)
    other = values[others[0]]

    def lacking(batch: int) -> Tensor:
        missing = other.dense[batch] - other.pruned[batch]
        assert isinstance(missing, Tensor)
        if scale is None:
            return missing
        inverse = torch.where(scale.abs() > SMALLEST_SCALE, 1 / scale, torch.zeros_like(scale))
        return missing * inverse.reshape(1, -1, *([1] * (missing.dim() - 2)))

    return Behind(norm is not None, lacking)


def _scale(walk: Walk, norm: Node) -> Tensor:
    _, weight, _, _, variance = norm.args[:5]
    eps = norm.args[-1] if operator_name(norm) != "batch_norm" else norm.args[7]
    assert isinstance(variance, Node)
    assert isinstance(eps, float)
    scale = (walk.original(variance) + eps).rsqrt()
    return scale * walk.original(weight) if isinstance(weight, Node) else scale


def repair_batch_norm(walk: Walk, node: Node, values: dict[Node, Pair]) -> None:
    """Set a batch norm's statistics so that its channels have the mean and variance of the dense network's.

    With means m, m' and deviations d, d' of its inputs in the dense and the pruned network, the running
    deviation is scaled by d'/d and the running mean moves so that m' comes out as m did.
    """
    source, mean, variance = node.args[0], node.args[3], node.args[4]
    if not (isinstance(source, Node) and isinstance(mean, Node) and isinstance(variance, Node)):
        return
    pair = values[source]
    if pair.same or mean not in walk.names or variance not in walk.names:
        return
    eps = node.args[-1] if operator_name(node) != "batch_norm" else node.args[7]
    assert isinstance(eps, float)
    old_mean, old_variance = walk.original(mean).double(), walk.original(variance).double()
    (was_mean, was_variance), (now_mean, now_variance) = (m.settle() for m in walk.moments[source])
    ratio = torch.where(
        was_variance > 0, now_variance / was_variance.clamp_min(1e-30), torch.ones_like(was_variance)
    )
    ratio = torch.where(now_variance > 0, ratio, torch.ones_like(ratio))
    new = ((old_variance + eps) * ratio - eps).clamp_min(0)
    walk.live(variance).copy_(new)
    walk.live(mean).copy_(now_mean - (was_mean - old_mean) * ratio.sqrt())
