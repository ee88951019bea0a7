"""What pruning did: a table per layer, for people (str) and for programs (to_dict)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from secateur.prune.channels.groups import MAKERS
from secateur.prune.example import unwrap
from secateur.prune.layers import Layer
from secateur.prune.patterns import Channel
from secateur.prune.targets import GroupTarget, Target
from secateur.prune.weights import find_weights

# Rows of a weight that one unit has: of a state for all gates, of attention for queries, keys and values.
GATES: dict[type[nn.Module], int] = {nn.LSTM: 4, nn.GRU: 3, nn.MultiheadAttention: 3}
# A layer that a shared threshold leaves with fewer of its weights than this share of the others is named.
MUCH_LESS = 0.2


@dataclass(frozen=True)
class LayerReport:
    """One layer. target and sparsity: fractions of zeros (of channels removed, for the channel pattern).

    shape, nonzeros: of the weight now; weights_before: of the weight at first; parameters: of the weight
    and bias.
    """

    name: str
    shape: tuple[int, ...]
    pattern: str  # "" where the layer is left alone
    target: float
    sparsity: float
    nonzeros: int
    weights_before: int
    parameters_before: int
    parameters_after: int
    note: str = ""


@dataclass(frozen=True)
class Report:
    """All layers, and what was left alone and why."""

    layers: tuple[LayerReport, ...]
    notes: tuple[str, ...]
    steps: int
    finished: bool

    @property
    def sparsity(self) -> float:
        """Zeros and removed weights over all weights of the network as they were, skipped ones too."""
        before = sum(layer.weights_before for layer in self.layers)
        return 1.0 - self.nonzeros / before if before else 0.0

    @property
    def nonzeros(self) -> int:
        """Weights that are left and not zero."""
        return sum(layer.nonzeros for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        table = dataclasses.asdict(self)
        return {**table, "sparsity": self.sparsity, "nonzeros": self.nonzeros}

    def __str__(self) -> str:
        head = ("layer", "shape", "pattern", "target", "actual", "nonzeros", "params before", "after", "")
        rows = [head]
        for row in self.layers:
            aim = f"{row.target:.1%}" if row.pattern else "-"
            shape = "x".join(map(str, row.shape))
            numbers = (f"{row.nonzeros:,}", f"{row.parameters_before:,}", f"{row.parameters_after:,}")
            rows.append((row.name, shape, row.pattern or "-", aim, f"{row.sparsity:.1%}", *numbers, row.note))
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = []
        for row_cells in rows:
            cells = [
                cell.rjust(width) if 3 <= i <= 7 else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row_cells, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        before = sum(row.parameters_before for row in self.layers)
        after = sum(row.parameters_after for row in self.layers)
        lines.append(
            f"all: {before:,} parameters before, {after:,} after; {self.nonzeros:,} weights not zero, "
            f"{self.sparsity:.1%} of them gone"
        )
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def make_report(
    layers: Sequence[Layer],
    targets: Sequence[Target],
    parameters_before: Mapping[str, int],
    notes: Sequence[str],
    steps: int,
    finished: bool,
) -> Report:
    """The report of a pruner from its layers and targets as they stand."""
    owners: dict[str, GroupTarget] = {}
    loose: dict[str, str] = {}
    removed: dict[str, int] = {}
    notes = list(notes)
    for target in targets:
        if not isinstance(target, GroupTarget):
            continue
        loose.update(dict.fromkeys(target.group.loose(), target.name))
        if steps and (sentence := target.rounding()):
            notes.append(sentence)
        for side in target.group.sides:
            if side.kind in MAKERS:
                gone = int((~target.keep[side.units]).sum())
                removed[side.module] = removed.get(side.module, 0) + gone
                owners[side.module] = target
    rows = []
    for layer in layers:
        tensor = layer.weight.find()
        there = tensor is not None and _made(tensor)
        shape = tuple(tensor.shape) if tensor is not None and there else layer.weight.shape
        nonzeros = int(tensor.detach().count_nonzero()) if tensor is not None and there else 0
        before = layer.weight.numel
        sparsity = 1.0 - nonzeros / _size(shape) if _size(shape) else 0.0
        pattern, goal, note = "", 0.0, layer.skip and f"skipped: {layer.skip}"
        maker = layer.name if layer.name in owners else layer.weight.owner
        if maker in owners:
            owner = owners[maker]
            channels = layer.weight.rows // GATES.get(type(layer.weight.holder()), 1)
            pattern, goal, sparsity = str(owner.pattern), owner.sparsity, removed[maker] / channels
            note = "" if owner.name == maker else f"with {owner.name}"
        elif layer.weight.path in loose:
            note = f"with {loose[layer.weight.path]}"
        elif not layer.skip and not isinstance(layer.pattern, Channel):
            pattern, goal = str(layer.pattern), layer.sparsity
        elif not layer.skip:
            note = "outputs kept"
        now = sum(p.numel() for p in layer.weight.holder()._parameters.values() if p is not None and _made(p))
        rows.append(
            LayerReport(
                name=layer.name,
                shape=shape,
                pattern=pattern,
                target=goal,
                sparsity=sparsity,
                nonzeros=nonzeros,
                weights_before=before,
                parameters_before=parameters_before[layer.name],
                parameters_after=now,
                note=note,
            )
        )
    notes += _emptied(rows, steps)
    return Report(tuple(rows), tuple(notes), steps, finished)


def _emptied(rows: Sequence[LayerReport], steps: int) -> list[str]:
    """A sentence for each layer that a shared threshold leaves far fewer weights than it was to have."""
    return [
        f"{row.name} keeps {1 - row.sparsity:.1%} of its weights, where {1 - row.target:.1%} were aimed at "
        f"over all: the global scope found its scores low; take the scope 'uniform', or give "
        f"global a min_density"
        for row in rows
        if steps and row.pattern and 1 - row.sparsity < MUCH_LESS * (1 - row.target)
    ]


def _size(shape: Sequence[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def _made(parameter: Tensor) -> bool:
    return not isinstance(parameter, nn.parameter.UninitializedParameter)


def sparsity_of(model: nn.Module) -> dict[str, float]:
    """The fraction of exact zeros in every weight of the network, by layer name.

    >>> import torch
    >>> layer = nn.Linear(2, 2)
    >>> _ = layer.weight.data.copy_(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    >>> sparsity_of(nn.Sequential(layer))
    {'0': 0.75}
    """
    found: dict[str, float] = {}
    for name, weight in find_weights(unwrap(model)).items():
        tensor = weight.find()
        if tensor is not None and _made(tensor):
            found[name] = 1.0 - int(tensor.detach().count_nonzero()) / tensor.numel()
    return found
