"""What the masks decide over: one layer's weights, or one group of channels."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from secateur.prune.channels import ChannelGroup
from secateur.prune.layers import Layer
from secateur.prune.patterns import Channel, Pattern
from secateur.prune.scopes import Candidate, Scope, lowest
from secateur.prune.scores import L1, Score, element_scores

# Rounding goes in steps of at most this share of a layer: it moves the target by half of that.
LARGEST_STEP = 1 / 8


class Target(ABC):
    """Something with units to keep or prune; `keep` [units] bool is its state."""

    of_channels: ClassVar[bool] = False

    def __init__(
        self, name: str, pattern: Pattern, score: Score, sparsity: float, own: bool, units: int
    ) -> None:
        self.name = name
        self.pattern = pattern
        self.score = score
        self.sparsity = sparsity
        self.own_sparsity = own
        self.keep = torch.ones(units, dtype=torch.bool)

    @abstractmethod
    def _scores(self) -> tuple[Tensor, Tensor]:
        """(scores, sizes) of all units."""

    @abstractmethod
    def masks(self) -> dict[str, Tensor]:
        """The mask of every parameter concerned, by full name."""

    def settle(self, keep: Tensor, scores: Tensor) -> None:
        """Take a new choice. What was pruned stays pruned."""
        self.keep = keep.cpu() & self.keep

    def candidate(self) -> Candidate:
        """The units as a scope sees them: what is pruned already ranks below everything."""
        scores, sizes = self._scores()
        scores = scores.masked_fill(~self.keep.to(scores.device), -math.inf)
        return Candidate(self.name, scores, sizes, self.of_channels)


class LayerTarget(Target):
    """The weight of one layer under an element, block or N:M pattern."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        units = layer.pattern.unit_sizes(layer.rows, layer.cols).numel()
        super().__init__(layer.name, layer.pattern, layer.score, layer.sparsity, layer.own_sparsity, units)

    def with_pattern(self, pattern: Pattern) -> LayerTarget:
        """The same layer under another pattern, zeros that it keeps included."""
        if str(pattern) == str(self.pattern):
            return self
        other = LayerTarget(dataclasses.replace(self.layer, pattern=pattern))
        if not bool(self.keep.all()):
            other.keep_zeros()
        return other

    def _scores(self) -> tuple[Tensor, Tensor]:
        parameter, weight = self.layer.parameter(), self.layer.weight
        if weight.transposed:
            stand_in = nn.Parameter(weight.matrix(parameter.detach()))
            stand_in.grad = None if parameter.grad is None else weight.matrix(parameter.grad)
            parameter = stand_in
        elements = self.layer.view(element_scores(self.score, self.name, parameter))
        scores = self.pattern.unit_scores(elements, self.score)
        return scores, self.pattern.unit_sizes(self.layer.rows, self.layer.cols)

    def masks(self) -> dict[str, Tensor]:
        weight = self.layer.weight
        return {weight.path: weight.tensor(self.layer.unview(self.mask())).contiguous()}

    def mask(self) -> Tensor:
        """The mask as the pattern sees it, [rows][cols]."""
        return self.pattern.expand(self.keep, self.layer.rows, self.layer.cols)

    def keep_zeros(self) -> bool:
        """Count units that are zero now as pruned; whether there are any. An empty layer is left as it is."""
        matrix = self.layer.weight.matrix(self.layer.parameter().detach()).abs().float()
        zero = self.pattern.unit_scores(self.layer.view(matrix), L1()).cpu() == 0
        if bool(zero.all()) or not bool(zero.any()):
            return False
        self.keep = self.keep & ~zero
        return True


class GroupTarget(Target):
    """Channels that several layers share."""

    of_channels: ClassVar[bool] = True

    def __init__(self, group: ChannelGroup, layers: Sequence[Layer], root: nn.Module) -> None:
        self.group = group
        self._layers = layers
        self._root = root
        self.asked = group.units
        own = [layer.sparsity for layer in layers if layer.own_sparsity]
        sparsity = min(own) if own else layers[0].sparsity
        self.channel = layers[0].pattern
        super().__init__(group.name, self.channel, layers[0].score, sparsity, bool(own), group.units)

    def _scores(self) -> tuple[Tensor, Tensor]:
        for layer in self._layers:
            layer.parameter()  # says so where it was replaced by one of another shape
        assert isinstance(self.channel, Channel)
        modules, both = dict(self._root.named_modules()), self.channel.sides == "both"
        return self.group.scores(self.score, modules, both=both), self.group.channels_per_unit()

    def masks(self) -> dict[str, Tensor]:
        return self.group.masks(self.keep, dict(self._root.named_modules()))

    def settle(self, keep: Tensor, scores: Tensor) -> None:
        self.asked = int(keep.sum())
        wanted = self.rounded(self.asked)
        super().settle(~lowest(scores, self.group.units - wanted), scores)

    def rounded(self, count: int) -> int:
        """Units to keep for `count` asked for: the nearest whole multiple (ties up), at least one."""
        assert isinstance(self.channel, Channel)
        units, multiple = self.group.units, self.channel.round_to
        divisors = [d for d in range(1, multiple + 1) if multiple % d == 0]
        step = 1
        for divisor in divisors:
            joint = math.lcm(*(divisor // math.gcd(divisor, repeats) for repeats in self.group.repeats))
            if joint <= units * LARGEST_STEP:
                step = max(step, joint)
        return min(units, max(step, (count + step // 2) // step * step))

    def rounding(self) -> str:
        """What rounding made of a wish that it could not meet at all, "" where it did."""
        got, units = int(self.keep.sum()), self.group.units
        if got < units or self.asked >= units:
            return ""
        return (
            f"{units} channels of {self.name} stay, though {units - self.asked} were to go: rounding keeps a "
            f"whole multiple; ask for more at once, or take Channel(round_to=1)"
        )


def choose(targets: Sequence[Target], sparsities: Sequence[float], scope: Scope) -> None:
    """Choose anew what each target keeps; `sparsities` are those in force at this step.

    Targets share the scope's threshold with those of the same pattern, score and sparsity; one with a
    sparsity of its own stands alone, and N:M chooses within its groups.
    """
    pools: dict[tuple[object, float], list[tuple[Target, Candidate]]] = {}
    for target, sparsity in zip(targets, sparsities, strict=True):
        candidate = target.candidate()
        if target.pattern.fixed_sparsity is not None:
            assert isinstance(target, LayerTarget)
            rows, cols = target.layer.rows, target.layer.cols
            target.settle(target.pattern.select(candidate.scores, rows, cols, sparsity), candidate.scores)
        else:
            alone = target.name if target.own_sparsity else None
            pools.setdefault(
                ((str(target.pattern), str(target.score.to_dict()), alone), sparsity), []
            ).append((target, candidate))
    for (_, sparsity), members in pools.items():
        keeps = scope.select([candidate for _, candidate in members], sparsity)
        for (target, candidate), keep in zip(members, keeps, strict=True):
            target.settle(keep, candidate.scores)
