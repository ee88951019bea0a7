"""How sparse each layer gets, for a sparsity of their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from secateur.errors import PruningError

BINS = 2000  # of the budget: a layer's weights are counted in this share of all
STEP = 0.01  # between the sparsities that a layer may get
HIGHEST = 0.95


def erk(shapes: Mapping[str, Sequence[int]], sparsity: float) -> dict[str, float]:
    """Erdos-Renyi-Kernel: densities grow with the sum of a weight's sides over their product.

    Evci et al., *Rigging the lottery*, ICML 2020, after Mocanu et al., 2018. Layers that would have to keep
    more than all they have are left dense, and the others make up for it.

    >>> {name: round(s, 3) for name, s in erk({"a": (10, 10), "b": (100, 100)}, 0.5).items()}
    {'a': 0.0, 'b': 0.505}
    """
    sizes = {name: float(np.prod(shape)) for name, shape in shapes.items()}
    raw = {name: sum(shape) / sizes[name] for name, shape in shapes.items()}
    full: set[str] = set()
    while True:
        left = (1 - sparsity) * sum(sizes.values()) - sum(sizes[name] for name in full)
        rest = [name for name in shapes if name not in full]
        scale = left / sum(raw[name] * sizes[name] for name in rest) if rest else 0.0
        over = [name for name in rest if scale * raw[name] > 1]
        if not over:
            return {name: 0.0 if name in full else 1 - scale * raw[name] for name in shapes}
        full.add(max(over, key=lambda name: raw[name]))


def allocate(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    sizes: Mapping[str, int],
    sparsity: float,
) -> dict[str, float]:
    """The sparsities with the least sum of errors, by dynamic programming over the number of zeros.

    curves: for each layer sparsities, rising from 0, and the error at each; between them the root of
    the error is taken as straight. sizes: weights of each layer. The zeros of all come to at least
    `sparsity` of all weights, in steps of 1/2000.

    Raises PruningError where that cannot be, with the most that can.

    >>> curves = {"frail": ([0.0, 0.5, 0.9], [0.0, 0.5, 0.9]), "tough": ([0.0, 0.5, 0.9], [0.0, 0.01, 0.02])}
    >>> found = allocate(curves, {"frail": 100, "tough": 100}, 0.4)
    >>> round(found["tough"], 2) > 0.75
    True
    """
    names = list(curves)
    total = sum(sizes[name] for name in names)
    most = sum(sizes[name] * min(HIGHEST, max(curves[name][0])) for name in names) / total
    if sparsity > most + 1e-9:
        raise PruningError(
            f"a sparsity of {sparsity:g} over all is more than these layers can give, {most:.3g}"
        )
    need = int(np.ceil(sparsity * BINS - 1e-9))
    best: NDArray[np.float64] = np.full(need + 1, np.inf)
    best[0] = 0.0
    picks = []
    for name in names:
        grid = np.arange(0.0, min(HIGHEST, max(curves[name][0])) + 1e-9, STEP)
        costs = _interpolated(grid, *curves[name])
        gains = np.floor(grid * sizes[name] / total * BINS + 1e-9).astype(int)
        after: NDArray[np.float64] = np.full(need + 1, np.inf)
        pick = np.zeros(need + 1, dtype=int)
        for choice, (gain, cost) in enumerate(zip(gains, costs, strict=True)):
            reached = np.minimum(np.arange(need + 1) + gain, need)
            candidate = np.full(need + 1, np.inf)
            np.minimum.at(candidate, reached, best + cost)
            better = candidate < after
            after[better], pick[better] = candidate[better], choice
        picks.append((grid, gains, costs, best, pick))
        best = after
    found: dict[str, float] = {}
    at = need
    if not np.isfinite(best[need]):  # the floors of all layers took a step too many
        return {name: min(HIGHEST, sparsity * min(HIGHEST, max(curves[name][0])) / most) for name in names}
    for name, (grid, gains, costs, before, pick) in zip(reversed(names), reversed(picks), strict=True):
        choice = int(pick[at])
        found[name] = float(grid[choice])
        low = max(0, at - int(gains[choice]))
        if at == need:  # several ways lead to "enough": take the one that was counted
            options = np.arange(low, need + 1)
            low = int(options[np.argmin(before[low : need + 1] + costs[choice])])
        at = low
    return {name: found[name] for name in names}


def _interpolated(
    grid: NDArray[np.float64], at: Sequence[float], errors: Sequence[float]
) -> NDArray[np.float64]:
    roots = np.sqrt(np.maximum(np.asarray(errors, dtype=np.float64), 0.0))
    return np.asarray(np.maximum.accumulate(np.interp(grid, at, roots) ** 2))
