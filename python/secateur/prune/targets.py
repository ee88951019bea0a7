"""What the masks decide over: one layer's weights, or one group of channels."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from secateur.prune.channels import ChannelGroup
from secateur.prune.layers import Layer
from secateur.prune.patterns import Channel, Pattern
from secateur.prune.scopes import Candidate, Scope, lowest
from secateur.prune.scores import Score, element_scores

# Layers of fewer channels are not rounded: a multiple of 8 would leave them nothing to choose.
ROUND_FROM = 16


class Target(ABC):
    """Something with units to keep or prune; `keep` [units] bool is its state."""

    def __init__(self, name: str, pattern: Pattern, sparsity: float, own: bool, units: int) -> None:
        self.name = name
        self.pattern = pattern
        self.sparsity = sparsity
        self.own_sparsity = own
        self.keep = torch.ones(units, dtype=torch.bool)

    @abstractmethod
    def _scores(self, score: Score) -> tuple[Tensor, Tensor]:
        """(scores, sizes) of all units."""

    @abstractmethod
    def masks(self) -> dict[str, Tensor]:
        """The mask of every parameter concerned, by full name."""

    def settle(self, keep: Tensor, scores: Tensor) -> None:
        """Take a new choice. What was pruned stays pruned."""
        self.keep = keep.cpu() & self.keep

    def candidate(self, score: Score) -> Candidate:
        """The units as a scope sees them: what is pruned already ranks below everything."""
        scores, sizes = self._scores(score)
        scores = scores.masked_fill(~self.keep.to(scores.device), -math.inf)
        return Candidate(self.name, scores, sizes)


class LayerTarget(Target):
    """The weight of one layer under an element, block or N:M pattern."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        units = layer.pattern.unit_sizes(layer.rows, layer.cols).numel()
        super().__init__(layer.name, layer.pattern, layer.sparsity, layer.own_sparsity, units)

    def _scores(self, score: Score) -> tuple[Tensor, Tensor]:
        elements = element_scores(score, self.name, self.layer.weight)
        scores = self.pattern.unit_scores(elements, score)
        return scores, self.pattern.unit_sizes(self.layer.rows, self.layer.cols)

    def masks(self) -> dict[str, Tensor]:
        mask = self.pattern.expand(self.keep, self.layer.rows, self.layer.cols)
        return {f"{self.name}.weight".lstrip("."): mask.reshape(self.layer.weight.shape)}


class GroupTarget(Target):
    """Channels that several layers share."""

    def __init__(self, group: ChannelGroup, layers: Sequence[Layer], modules: dict[str, nn.Module]) -> None:
        self.group = group
        self._modules = modules
        own = [layer.sparsity for layer in layers if layer.own_sparsity]
        sparsity = min(own) if own else layers[0].sparsity
        self.channel = layers[0].pattern
        super().__init__(group.name, self.channel, sparsity, bool(own), group.units)

    def _scores(self, score: Score) -> tuple[Tensor, Tensor]:
        return self.group.scores(score, self._modules), self.group.channels_per_unit()

    def masks(self) -> dict[str, Tensor]:
        return self.group.masks(self.keep, self._modules)

    def settle(self, keep: Tensor, scores: Tensor) -> None:
        wanted = self.rounded(int(keep.sum()))
        super().settle(~lowest(scores, self.group.units - wanted), scores)

    def rounded(self, count: int) -> int:
        """Units to keep for `count` asked for: the nearest whole multiple (ties up), at least one."""
        assert isinstance(self.channel, Channel)
        units, multiple = self.group.units, self.channel.round_to
        wide = [repeats for repeats in self.group.repeats if units * repeats >= ROUND_FROM]
        step = math.lcm(*(multiple // math.gcd(multiple, repeats) for repeats in wide))
        if step > units:
            return max(1, count)
        return min(units, max(step, (count + step // 2) // step * step))


def choose(targets: Sequence[Target], score: Score, sparsities: Sequence[float], scope: Scope) -> None:
    """Choose anew what each target keeps; `sparsities` are those in force at this step.

    Targets share the scope's threshold with those of the same pattern and sparsity; one with a sparsity
    of its own stands alone, and N:M chooses within its groups.
    """
    pools: dict[tuple[object, float], list[tuple[Target, Candidate]]] = {}
    for target, sparsity in zip(targets, sparsities, strict=True):
        candidate = target.candidate(score)
        if target.pattern.fixed_sparsity is not None:
            assert isinstance(target, LayerTarget)
            rows, cols = target.layer.rows, target.layer.cols
            target.settle(target.pattern.select(candidate.scores, rows, cols, sparsity), candidate.scores)
        else:
            alone = target.name if target.own_sparsity else None
            pools.setdefault(((str(target.pattern), alone), sparsity), []).append((target, candidate))
    for (_, sparsity), members in pools.items():
        keeps = scope.select([candidate for _, candidate in members], sparsity)
        for (target, candidate), keep in zip(members, keeps, strict=True):
            target.settle(keep, candidate.scores)
