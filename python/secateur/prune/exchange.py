"""Weights that change places: some that are kept go, and as many that had gone come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from secateur.errors import PruningError
from secateur.prune.scopes import lowest
from secateur.prune.scores import L1
from secateur.prune.targets import LayerTarget


def together(gradients: Mapping[str, Tensor], group: Any) -> dict[str, Tensor]:
    """The gradients of all processes of a group, added up, so that each of them chooses the same.

    A parameter's hook sees the gradient before DistributedDataParallel has shared it.
    """
    found = {}
    for name in sorted(gradients):
        found[name] = gradients[name].clone()
        dist.all_reduce(found[name], group=group)
    return found


def exchange(
    target: LayerTarget, share: float, gradients: Mapping[str, Tensor], generator: torch.Generator | None
) -> None:
    """Let `share` of the kept units of a layer go, those of the lowest scores, and as many others come.

    Those of the largest gradient come, or, with a generator, any. What went just now does not come back.
    Raises PruningError where there is no gradient of the layer.
    """
    if target.pattern.fixed_sparsity is not None:
        raise PruningError(
            f"layer {target.name!r}: units of the pattern {target.pattern} cannot change places"
        )
    keep = target.keep
    scores, _ = target._scores()
    count = min(int(share * int(keep.sum())), int((~keep).sum()))
    if count == 0:
        return
    gone = lowest(scores.cpu().masked_fill(~keep, float("inf")), count)
    if generator is None:
        weight = target.layer.weight
        gradient = gradients.get(weight.path)
        if gradient is None:
            raise PruningError(
                f"layer {target.name!r}: what comes back is chosen by gradients, and no backward pass came "
                f"before this step"
            )
        size = target.layer.view(weight.matrix(gradient.detach().abs().float()))
        wish = target.pattern.unit_scores(size, L1()).cpu()
    else:
        wish = torch.rand(keep.shape, generator=generator)
    come = lowest((-wish).masked_fill(keep, float("inf")), count)
    target.keep = (keep & ~gone) | come
