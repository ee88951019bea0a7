"""Scores beyond the size of a weight: from gradients, from a layer's other weights, and at random.

Those from gradients read ``parameter.grad``: run a backward pass over as much data as you like (gradients
add up) before the masks are chosen.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from secateur.errors import PruningError
from secateur.prune.scores import Score, register_score


def _gradient(score: Score, layer: str, parameter: nn.Parameter, shape: torch.Size) -> Tensor:
    if parameter.grad is None:
        raise PruningError(
            f"layer {layer!r}: the score {score.name!r} reads gradients and there are none; run a backward "
            f"pass first"
        )
    return parameter.grad.detach().reshape(shape).float()


@dataclass(frozen=True)
class Taylor(Score):
    """(w * dL/dw)^2: to first order the squared change of the loss when the weight goes.

    Molchanov et al., "Importance estimation for neural network pruning", CVPR 2019, equation 8.
    """

    name = "taylor"

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        return (matrix * _gradient(self, layer, parameter, matrix.shape)).square()


@dataclass(frozen=True)
class Snip(Score):
    """|w * dL/dw|: how strongly the loss depends on the weight being there.

    Lee et al., "SNIP: single-shot network pruning based on connection sensitivity", ICLR 2019. There all
    layers share one threshold: take the scope ``{"name": "global", "normalise": False}`` for that.
    """

    name = "snip"

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        return (matrix * _gradient(self, layer, parameter, matrix.shape)).abs()


@dataclass(frozen=True)
class Lamp(Score):
    """w^2 over the sum of the squares of all weights of the layer that are no smaller.

    Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021. Made for one threshold
    over layers as the scores stand: take the scope ``{"name": "global", "normalise": False}``.

    >>> weight = torch.nn.Parameter(torch.tensor([[1.0, 3.0, 2.0]]))
    >>> Lamp().elements(weight.detach(), "fc", weight)  # 1/14, 9/9, 4/13
    tensor([[0.0714, 1.0000, 0.3077]])
    """

    name = "lamp"

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        squares, order = matrix.double().square().flatten().sort(stable=True)
        left = squares.flip(0).cumsum(0).flip(0)  # of this weight and all that come after it
        scores = torch.empty_like(squares)
        scores[order] = squares / left.clamp_min(torch.finfo(torch.float64).tiny)
        return scores.reshape(matrix.shape).to(matrix.dtype)


@dataclass(frozen=True)
class GeometricMedian(Score):
    """The sum of the distances of a filter to all others: what lies amid the others can be made up for.

    For channels. He et al., "Filter pruning via geometric median", CVPR 2019.
    """

    name = "geometric_median"

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        return torch.cdist(matrix, matrix).sum(1, keepdim=True).expand_as(matrix)


@dataclass(frozen=True)
class BatchNormScale(Score):
    """|gamma| of the batch norms behind a channel, for channels.

    Liu et al., "Learning efficient convolutional networks through network slimming", ICCV 2017, which trains
    with an L1 penalty on the scales first: add ``sum(m.weight.abs().sum() for ...)`` to the loss.
    """

    name = "bn_scale"
    of_norms: ClassVar[bool] = True

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        if matrix.shape[1] != 1:
            raise PruningError(f"layer {layer!r}: the score 'bn_scale' is for the pattern 'channel'")
        return matrix.abs()


@dataclass(frozen=True)
class Random(Score):
    """Uniform numbers from `seed` and the layer's name: what any score must beat.

    Blalock et al., "What is the state of neural network pruning?", MLSys 2020.
    """

    seed: int = 0
    name = "random"

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        generator = torch.Generator().manual_seed(zlib.crc32(f"{self.seed} {layer}".encode()))
        return torch.rand(matrix.shape, generator=generator).to(matrix)


for kind in (Taylor, Snip, Lamp, GeometricMedian, BatchNormScale, Random):
    register_score(kind.name, kind)
