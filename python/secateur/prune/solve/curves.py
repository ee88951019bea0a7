"""How much of a layer's outputs is lost at each sparsity, and the choices that follow from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from secateur.prune.patterns import Element, Pattern
from secateur.prune.solve import solvers
from secateur.prune.solve.budget import Budget, Option
from secateur.prune.targets import LayerTarget

CURVE = (0.0, 0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
CURVE_ROWS = 32  # of a layer, at most, that its error curve is measured on
STEP = 0.01  # between the sparsities that a layer may get within a budget
Curve = tuple[list[float], list[float]]  # sparsities, errors


def curve(
    one: LayerTarget, weight: Tensor, gram: Tensor, choice: Callable[[LayerTarget, Tensor], Tensor]
) -> tuple[Curve, Tensor, int]:
    """Relative errors of a layer pruned by OBS saliency and refitted, a sample of its rows.

    With the changes of those rows, [sparsities][groups][rows][cols], and the step between them.
    """
    groups, goal = len(gram), one.sparsity
    grouped = weight.reshape(groups, -1, weight.shape[1])
    inverse = torch.linalg.inv(gram.double()).diagonal(dim1=1, dim2=2).to(weight.dtype)
    saliency = (grouped.square() / inverse[:, None]).reshape(weight.shape)
    fixed, errors = one.pattern.fixed_sparsity, []
    changes: list[Tensor] = []
    at = CURVE if fixed is None else (0.0, fixed)
    for sparsity in at:
        one.sparsity = sparsity
        whole = torch.ones_like(saliency, dtype=torch.bool)
        mask = (choice(one, saliency) if sparsity else whole).reshape(grouped.shape)
        step = max(1, grouped.shape[1] * groups // CURVE_ROWS)
        shares, moved = [], []
        for dense, g, m in zip(grouped, gram, mask, strict=True):
            fitted = solvers.refit(dense[::step], g, m[::step])
            shares.append(solvers.error(fitted, dense[::step], g))
            moved.append(fitted - dense[::step])
        changes.append(torch.stack(moved))
        errors.append(sum(shares) / len(shares))
    one.sparsity = goal
    return (list(at), errors), torch.stack(changes), step


def options(
    budget: Budget,
    name: str,
    shape: tuple[int, int],
    positions: int,
    curves: dict[str, tuple[Pattern, Curve]],
) -> list[Option]:
    """What a layer may become: left alone, or of one of the patterns at a sparsity on a grid."""
    found = [Option("element", 0.0, 0.0, budget.cost(name, *shape, positions, Element(), 0.0))]
    for key, (pattern, (at, errors)) in curves.items():
        grid = at[1:] if pattern.fixed_sparsity is not None else np.arange(STEP, at[-1] + 1e-9, STEP).tolist()
        roots = np.maximum.accumulate(np.interp(grid, at, np.sqrt(np.maximum(errors, 0.0))))
        for sparsity, root in zip(grid, roots.tolist(), strict=True):
            cost = budget.cost(name, *shape, positions, pattern, sparsity)
            found.append(Option(key, round(sparsity, 6), root**2, cost))
    return found
