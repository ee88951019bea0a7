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
    """The units of one layer or channel group: scores [units] (float) and sizes [units] (int64)."""

    name: str
    scores: Tensor
    sizes: Tensor


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

    `normalise`: divide the scores of each layer by their mean, so that layers of another scale (behind a
    batch norm, say) are not emptied for it. `min_density`: the fraction of its units that every layer
    keeps whatever their scores.

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
        parts = [_over_mean(c.scores) if self.normalise else c.scores for c in candidates]
        scores = torch.cat([protect_best(part, self.min_density).to(home) for part in parts])
        sizes = torch.cat([c.sizes.to(home) for c in candidates])
        keep = keep_best(scores, sizes, sparsity)
        split = torch.split(keep, [c.scores.numel() for c in candidates])
        return [part.to(c.scores.device) for part, c in zip(split, candidates, strict=True)]


_SCOPES: Registry[Scope] = Registry("scope", Scope)
_SCOPES.register("uniform", Uniform)
_SCOPES.register("global", Global)


def register_scope(name: str, scope: type[Scope]) -> None:
    """Give a scope class a name that recipes can use."""
    _SCOPES.register(name, scope)


def parse_scope(spec: object, field: str = "scope") -> Scope:
    """A scope from its name, a table, or a Scope. Raises PruningError naming `field`."""
    return _SCOPES.parse(spec, field)
