"""Collects channels into groups: sets of layers whose channels are joined one to one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from secateur.errors import PruningError
from secateur.prune.channels.lineage import ChannelMap, Ids, Port, Split
from secateur.prune.channels.ports import entries
from secateur.prune.channels.sides import side_scores
from secateur.prune.scores import Score

MAKERS = ("out", "hidden", "packed")  # kinds of sides at which a module makes channels
OBVIOUS = ("network input", "network output")


@dataclass(frozen=True)
class Side:
    """The part of a port that belongs to a group: index `places[i]` of `module` holds unit `units[i]`."""

    module: str
    kind: str  # as of a Port
    places: Tensor
    units: Tensor


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that layers share: unit i is one channel in each of them, and they go together.

    A unit is a whole head where attention splits channels into heads. name: the first layer that makes them,
    with #2, #3 ... where it makes several groups; roots: the id of each unit, [units]; sides: every module
    they pass; reason: why they cannot go, "" if they can; heads: the splits, and the unit of each head.
    """

    name: str
    roots: Ids
    sides: tuple[Side, ...]
    reason: str
    heads: tuple[tuple[Split, Tensor], ...] = ()

    @property
    def units(self) -> int:
        """Number of channels (of sets of channels, in grouped convolutions)."""
        return len(self.roots)

    @property
    def producers(self) -> list[str]:
        """The layers whose outputs these channels are."""
        return [side.module for side in self.sides if side.kind in MAKERS]

    def loose(self) -> list[str]:
        """The parameters of no layer (tokens, tables) that lose these channels, by full name."""
        sides = [side for side in self.sides if side.kind.startswith("tensor")]
        return [f"{side.module}.{side.kind.split()[1]}".lstrip(".") for side in sides]

    def channels_per_unit(self) -> Tensor:
        """Output channels that each unit takes along in all its layers, [units] int64."""
        counts = torch.zeros(self.units, dtype=torch.int64)
        for side in self.sides:
            if side.kind in MAKERS:
                counts += torch.bincount(side.units, minlength=self.units)
        return counts

    @property
    def repeats(self) -> set[int]:
        """Channels that one unit is in each of its layers: 1 but for grouped convolutions."""
        return {int(torch.bincount(side.units).max()) for side in self.sides if side.kind in MAKERS}

    def scores(self, score: Score, modules: dict[str, nn.Module], *, both: bool) -> Tensor:
        """The score of each unit, [units].

        On each side of a module a unit's score is the mean over its channels there, each over the mean of the
        side, so that layers of different scale weigh alike; a unit has the mean over its sides. With `both`
        the columns that read a channel count as the rows that make it do.
        """
        parts = []
        for side in self.sides:
            values = side_scores(score, side.module, side.kind, modules[side.module], both=both)
            if values is None:
                continue
            scale = float(values.abs().mean())
            values = values / scale if scale > 0 else values
            sums = torch.zeros(self.units, dtype=torch.float64)
            sums.index_add_(0, side.units, values[side.places])
            counts = torch.bincount(side.units, minlength=self.units)
            parts.append((sums / counts.clamp_min(1), counts > 0))
        if not parts:
            raise PruningError(
                f"channels of {self.name}: the score {score.name!r} looks at batch norms and there are none; "
                f"give them another by an override"
            )
        total = torch.stack([values for values, _ in parts]).sum(0)
        return total / torch.stack([there for _, there in parts]).sum(0).clamp_min(1)

    def masks(self, keep: Tensor, modules: dict[str, nn.Module]) -> dict[str, Tensor]:
        """The mask of every parameter these channels touch, by full name (True = kept).

        With these weights zero the network computes what it will compute once the channels are gone.
        """
        masks: dict[str, Tensor] = {}
        for side in self.sides:
            module = modules[side.module]
            for key, axis, gone in entries(module, side.kind, side.places[~keep[side.units]]):
                parameter = module._parameters.get(key)
                if parameter is None:
                    continue
                mask = torch.ones(parameter.shape, dtype=torch.bool)
                mask.index_fill_(axis, gone, False)
                name = f"{side.module}.{key}" if side.module else key
                masks[name] = masks[name] & mask if name in masks else mask
        return masks


def _signature(ports: Iterable[Port], channels: ChannelMap) -> dict[int, list[int]]:
    touched: dict[int, list[int]] = defaultdict(list)
    for number, port in enumerate(ports):
        for root in sorted(set(channels.roots(port.ids).tolist())):
            touched[root].append(number)
    return touched


def find_groups(channels: ChannelMap) -> list[ChannelGroup]:
    """The groups of a network, in the order in which their first layers run; pinned ones included."""
    ports = list(channels.ports.values())
    pinned: dict[int, str] = {}
    for index, reason in channels.pinned.items():
        root = channels.find(index)
        if root not in pinned or pinned[root] in OBVIOUS:
            pinned[root] = reason
    by_key: dict[tuple[tuple[int, ...], str], list[int]] = defaultdict(list)
    for root, numbers in _signature(ports, channels).items():
        by_key[tuple(numbers), pinned.get(root, "")].append(root)
    groups: list[ChannelGroup] = []
    named: Counter[str] = Counter()
    for (touched, reason), members in by_key.items():
        roots = np.array(sorted(members), dtype=np.int64)
        sides = []
        for number in touched:
            port_roots = channels.roots(ports[number].ids)
            places = np.flatnonzero(np.isin(port_roots, roots))
            units = np.searchsorted(roots, port_roots[places])
            sides.append(
                Side(
                    ports[number].module,
                    ports[number].kind,
                    torch.from_numpy(places),
                    torch.from_numpy(units),
                )
            )
        makers = [side.module for side in sides if side.kind in MAKERS]
        if makers:
            named[makers[0]] += 1
            name = makers[0] + (f"#{named[makers[0]]}" if named[makers[0]] > 1 else "")
            heads = []
            for split in channels.splits:
                of = channels.roots(split.ids)
                if bool(np.isin(of, roots).any()):
                    heads.append((split, torch.from_numpy(np.searchsorted(roots, of[np.isin(of, roots)]))))
            groups.append(ChannelGroup(name, roots, tuple(sides), reason, tuple(heads)))
    return groups
