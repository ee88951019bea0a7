"""Weights that change places: some that are kept go, and as many that had gone come back."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from secateur.errors import PruningError
from secateur.prune.scopes import lowest
from secateur.prune.scores import L1
from secateur.prune.targets import LayerTarget


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
