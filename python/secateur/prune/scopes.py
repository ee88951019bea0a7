"""Scopes: over what the sparsity is counted — each layer by itself, or all layers with one threshold."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from secateur.errors import PruningError
from secateur.prune._spec import Registry, to_table


@dataclass(frozen=True)
class Candidate:
    """The units of one layer or channel group: scores [units] (float) and sizes [units] (int64).

    A score of minus infinity: pruned already. `channels`: units are whole channels.
    """

    name: str
    scores: Tensor
    sizes: Tensor
    channels: bool = False


def lowest(scores: Tensor, count: int) -> Tensor:
    """The `count` lowest scores, bool; of equal ones the first. What a stable sort gives, in linear time.

    >>> import torch
    >>> lowest(torch.tensor([3.0, 1.0, 2.0, 1.0, 1.0]), 2)
    tensor([False,  True, False,  True, False])
    """
    if count <= 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    threshold = torch.kthvalue(scores, count).values
    below = scores < threshold
    equal = scores == threshold
    return below | (equal & (equal.cumsum(0) <= count - int(below.sum())))


def keep_best(scores: Tensor, sizes: Tensor, sparsity: float) -> Tensor:
    """Prune the lowest scores until `sparsity` of the total size is gone; bool [units], True = kept.

    The number removed is the nearest to the target (halves count as removed); units of infinite score
    stay in any case. Ties fall to the lower index first, so nothing but the scores decides.

    >>> import torch
    >>> keep_best(torch.tensor([3.0, 1.0, 2.0, 1.0]), torch.ones(4), 0.25)
    tensor([ True, False,  True,  True])
    """
    if bool((sizes == sizes[0]).all()):
        count = math.floor(sparsity * scores.numel() + 0.5 + 1e-9)
        return ~lowest(scores, count) | torch.isposinf(scores)
    order = torch.argsort(scores, stable=True)
    ordered = sizes.to(scores.device)[order].double()
    middles = ordered.cumsum(0) - ordered / 2
    keep = torch.empty(scores.shape, dtype=torch.bool, device=scores.device)
    keep[order] = middles > sparsity * float(ordered.sum()) + 1e-9
    return keep | torch.isposinf(scores)


def protect_best(scores: Tensor, density: float = 0.0) -> Tensor:
    """A copy of `scores` in which the best unit, and the best `density` of all, can never be pruned."""
    count = max(1, math.ceil(density * scores.numel() - 1e-9))
    return scores.masked_fill(~lowest(scores, scores.numel() - count), math.inf)


def _over_mean(scores: Tensor) -> Tensor:
    """Scores over the mean of their sizes, those that are infinite left out."""
    finite = scores[torch.isfinite(scores)]
    mean = float(finite.abs().double().mean()) if finite.numel() else 0.0
    return scores / mean if mean > 0 else scores


def _over_rest(scores: Tensor, sizes: Tensor) -> Tensor:
    """Squares over the sum of those that are no smaller, each times its size: LAMP (Lee et al., ICLR 2021).

    What is lost of a layer with a unit, when all below it are gone. Rises with the scores within a layer.
    Signed scores have no such share: theirs are taken over their mean.

    >>> import torch
    >>> _over_rest(torch.tensor([1.0, 3.0, 2.0]), torch.ones(3)).float()  # 1/14, 9/9, 4/13
    tensor([0.0714, 1.0000, 0.3077])
    """
    finite = torch.isfinite(scores)
    if bool((scores[finite] < 0).any()):
        return _over_mean(scores)
    order = torch.argsort(scores, stable=True)
    squares = torch.where(finite, scores, 0).double().square()
    left = (squares * sizes.to(scores.device))[order].flip(0).cumsum(0).flip(0)
    shares = torch.empty_like(squares)
    shares[order] = squares[order] / left.clamp_min(torch.finfo(torch.float64).tiny)
    return torch.where(finite, shares, scores.double())


class Scope(ABC):
    """Shares a sparsity out over layers. Every layer keeps at least one unit."""

    name: str = "custom"

    @abstractmethod
    def select(self, candidates: Sequence[Candidate], sparsity: float) -> list[Tensor]:
        """Units to keep: one bool tensor [units] per candidate."""

    def to_dict(self) -> dict[str, Any]:
        """The table that a recipe file holds for this scope."""
        return to_table(self.name, self)


@dataclass(frozen=True)
class Uniform(Scope):
    """Every layer reaches the same sparsity."""

    name = "uniform"

    def select(self, candidates: Sequence[Candidate], sparsity: float) -> list[Tensor]:
        return [keep_best(protect_best(c.scores), c.sizes, sparsity) for c in candidates]


@dataclass(frozen=True)
class Global(Scope):
    """One threshold over all layers: the sparsity holds for their sum, each layer finds its own.

    `normalise`: a unit counts by the share that its square has of all in its layer that are no smaller, so
    that layers of another scale (behind a batch norm, say) are not emptied for it: LAMP, Lee et al., "Layer-
    adaptive sparsity for the magnitude-based pruning", ICLR 2021, for units of any size. Channels, of which
    layers have few, and scores with signs count over the mean of their layer. `min_density`: the fraction of
    its units that every layer keeps whatever their scores.

    >>> import torch
    >>> layers = [Candidate("a", torch.tensor([1.0, 2.0]), torch.ones(2)),
    ...           Candidate("b", torch.tensor([8.0, 9.0]), torch.ones(2))]
    >>> Global(normalise=False).select(layers, 0.5)  # "a" would be empty without the guard
    [tensor([False,  True]), tensor([False,  True])]
    """

    min_density: float = 0.0
    normalise: bool = True
    name = "global"

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_density <= 1.0:
            raise PruningError(f"min_density must be from 0 to 1, got {self.min_density}")

    def select(self, candidates: Sequence[Candidate], sparsity: float) -> list[Tensor]:
        if not candidates:
            return []
        home = candidates[0].scores.device
        parts = [self._comparable(c) for c in candidates]
        scores = torch.cat([protect_best(part, self.min_density).to(home) for part in parts])
        sizes = torch.cat([c.sizes.to(home) for c in candidates])
        keep = keep_best(scores, sizes, sparsity)
        split = torch.split(keep, [c.scores.numel() for c in candidates])
        return [part.to(c.scores.device) for part, c in zip(split, candidates, strict=True)]

    def _comparable(self, candidate: Candidate) -> Tensor:
        if not self.normalise:
            return candidate.scores
        if candidate.channels:
            return _over_mean(candidate.scores)
        return _over_rest(candidate.scores, candidate.sizes)


_SCOPES: Registry[Scope] = Registry("scope", Scope)
_SCOPES.register("uniform", Uniform)
_SCOPES.register("global", Global)


def register_scope(name: str, scope: type[Scope]) -> None:
    """Give a scope class a name that recipes can use."""
    _SCOPES.register(name, scope)


def parse_scope(spec: object, field: str = "scope") -> Scope:
    """A scope from its name, a table, or a Scope. Raises PruningError naming `field`."""
    return _SCOPES.parse(spec, field)
