"""What the tests of callbacks share: a small network, its data, and the same training as a plain loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from secateur.prune import Pruner

STEPS = 12
RECIPE = {"sparsity": 0.8, "schedule": {"name": "cubic", "begin": 0, "end": 8, "every": 2}}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))


def samples() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(8, generator=generator), torch.randint(4, (), generator=generator)) for _ in range(48)
    ]


def plain(recipe: dict[str, Any], *, gather: int, decay: float = 0.0, **options: Any) -> nn.Sequential:
    """The network after one epoch over `samples` in fours, each step of `gather` batches, pruned beside."""
    model, data = network(), samples()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=decay, **options)
    pruner = Pruner(model, recipe)
    for step in range(12 // gather):
        optimizer.zero_grad()
        for batch in range(step * gather, (step + 1) * gather):
            part = data[4 * batch : 4 * batch + 4]
            x, y = torch.stack([x for x, _ in part]), torch.stack([y for _, y in part])
            (nn.functional.cross_entropy(model(x), y) / gather).backward()
        optimizer.step()
        pruner.step()
    pruner.finalize()
    return model


def same(a: nn.Module, b: nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def zeros(model: nn.Module) -> float:
    weights = [p for p in model.parameters() if p.dim() == 2]
    return sum(int((p == 0).sum()) for p in weights) / sum(p.numel() for p in weights)
