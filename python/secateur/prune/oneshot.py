"""Pruning in one call, without training."""

from __future__ import annotations

from typing import Any

from torch import nn

from secateur.prune.patterns import Pattern
from secateur.prune.pruner import Pruner
from secateur.prune.recipe import Recipe
from secateur.prune.report import Report
from secateur.prune.scopes import Scope


def prune_oneshot(
    model: nn.Module,
    sparsity: float | None = None,
    *,
    pattern: str | Pattern = "element",
    scope: str | Scope | None = None,
    example_inputs: Any = None,
    **fields: Any,
) -> Report:
    """Prune `model` at once, in place, and report. Without training after it, accuracy falls.

    `fields` are further fields of `Recipe` (score, overrides, skip, ...); `example_inputs` is needed for
    the channel pattern. Raises PruningError as `Pruner` does.

    >>> import torch
    >>> model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
    >>> report = prune_oneshot(model, pattern="2:4")
    >>> [(layer.name, layer.sparsity) for layer in report.layers]
    [('0', 0.5), ('2', 0.5)]
    """
    recipe = Recipe.from_dict({"sparsity": sparsity, "pattern": pattern, "scope": scope, **fields})
    pruner = Pruner(model, recipe, example_inputs=example_inputs)
    for _ in range(recipe.schedule.last + 1):
        pruner.step()
    pruner.finalize()
    return pruner.report()
