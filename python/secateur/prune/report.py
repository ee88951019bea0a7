"""What pruning did: a table per layer, for people (str) and for programs (to_dict)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from torch import nn

from secateur.prune.layers import prunable_modules


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
        """Zeros and removed weights over all weights of the prunable layers as they were."""
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


def sparsity_of(model: nn.Module) -> dict[str, float]:
    """The fraction of exact zeros in the weight of every Conv1d, Conv2d and Linear, by layer name.

    >>> import torch
    >>> layer = nn.Linear(2, 2)
    >>> _ = layer.weight.data.copy_(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    >>> sparsity_of(nn.Sequential(layer))
    {'0': 0.75}
    """
    found: dict[str, float] = {}
    for name, module in prunable_modules(model).items():
        weight = module.weight
        assert isinstance(weight, nn.Parameter)
        found[name] = 1.0 - int(weight.detach().count_nonzero()) / weight.numel()
    return found
