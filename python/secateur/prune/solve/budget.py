"""What a pruned network may take, what each choice for a layer takes of it, and the best choices."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secateur.errors import PruningError
from secateur.prune.goal import Goal
from secateur.prune.patterns import NM, Block, Pattern, parse_pattern

KINDS = ("parameters", "flops", "bytes", "milliseconds")
BINS = 4000  # that a budget is counted in; what a choice takes is rounded up, so that the budget holds
# Seconds, bytes or whatever the table's author counts: {layer: {pattern: {sparsity: cost}}}.
Costs = Mapping[str, Mapping[str, Mapping[float, float]]]
# The same as a function of a layer's name, rows, columns, output positions, pattern ("dense" too), sparsity.
CostFunction = Callable[[str, int, int, int, str, float], float]


@dataclass(frozen=True)
class Option:
    """One choice for a layer: its pattern and sparsity, the error that it makes, and what it takes."""

    pattern: str
    sparsity: float
    error: float
    cost: float


@dataclass(frozen=True)
class Budget:
    """At most `limit` of a `kind`, or `share` of what the dense network takes.

    kind: "parameters" (weights that are not zero, and all else that is learnt), "flops" (two for each
        multiplication of a weight, for one input), "bytes" (of weights in a model file: 4 a value and 1 an
        index, of a block one index in all) or "milliseconds".
    patterns: those that compete for each layer; the recipe's alone where there are none.
    costs: for "milliseconds" the table {layer: {pattern: {sparsity: milliseconds}}}, straight between its
        sparsities; the pattern "dense" at sparsity 0 is a layer that is left alone. Or a function
        f(layer, rows, columns, positions, pattern, sparsity) that gives them; with a share any unit will do.
    rest: for "milliseconds", what the network takes beside the layers in the table.

    >>> Budget("flops", share=0.4).limit_of(dense=1000.0)
    400.0
    """

    kind: str
    limit: float | None = None
    share: float | None = None
    patterns: tuple[str, ...] = ()
    costs: Costs | CostFunction | None = None
    rest: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PruningError(f"budget: {self.kind!r} is none of {', '.join(KINDS)}")
        if (self.limit is None) == (self.share is None):
            raise PruningError("budget: give a limit, or a share of what the dense network takes")
        for name, value in (("limit", self.limit), ("share", self.share)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise PruningError(f"budget: {name} must be a number above 0, got {value!r}")
        if self.share is not None and self.share > 1:
            raise PruningError(f"budget: share is of the dense network, at most 1; got {self.share!r}")
        if (self.kind == "milliseconds") != (self.costs is not None):
            raise PruningError("budget: milliseconds, and nothing else, need a table of costs")
        for pattern in self.patterns:
            parse_pattern(pattern, "budget.patterns")

    @classmethod
    def parse(cls, text: str, costs: Costs | CostFunction | None = None) -> Budget:
        """From a word such as "flops=0.5", "params=3M" or, with costs, "ms=12" (`Goal`)."""
        goal = Goal.parse(text)
        if goal.kind == "milliseconds" and costs is None:
            raise PruningError("budget: ms needs costs, what each layer takes: a table or a function")
        costs = costs if goal.kind == "milliseconds" else None
        limit, share = (None, goal.value) if goal.share else (goal.value, None)
        return cls(goal.kind, limit, share, costs=costs)

    def limit_of(self, dense: float) -> float:
        """The limit in units of the kind, where the dense network takes `dense`."""
        return float(self.limit) if self.limit is not None else float(self.share or 0) * dense

    def cost(
        self, name: str, rows: int, cols: int, positions: int, pattern: Pattern, sparsity: float
    ) -> float:
        """What a layer's weight takes at this pattern and sparsity."""
        left = (1 - sparsity) * rows * cols
        if self.kind == "parameters":
            return left
        if self.kind == "flops":
            return 2 * left * positions
        if self.kind == "bytes":
            return stored_bytes(rows, cols, pattern, sparsity)
        label = "dense" if sparsity == 0 else str(pattern)
        if not callable(self.costs):
            return self._from_table(name, label, sparsity)
        found = float(self.costs(name, rows, cols, positions, label, sparsity))
        if not (math.isfinite(found) and found >= 0):
            raise PruningError(f"budget: the cost of layer {name!r} as {label} at {sparsity:g} is {found!r}")
        return found

    def _from_table(self, name: str, pattern: str, sparsity: float) -> float:
        assert isinstance(self.costs, Mapping)
        table = self.costs.get(name)
        if table is None:
            raise PruningError(f"budget: the table of costs has no layer {name!r}")
        points = table.get(pattern)
        if not points and pattern == "dense":
            return max(cost for found in table.values() for cost in found.values())
        if not points:
            raise PruningError(f"budget: the table of costs has no pattern {pattern!r} for layer {name!r}")
        at = sorted(points)
        return float(np.interp(sparsity, at, [points[s] for s in at]))


def stored_bytes(rows: int, cols: int, pattern: Pattern, sparsity: float) -> float:
    """Bytes of a weight as a model file holds it, dense where that is less.

    >>> from secateur.prune import Element
    >>> round(stored_bytes(10, 100, Element(), 0.9)), stored_bytes(10, 100, Element(), 0.0)
    (544, 4000.0)
    """
    values = (1 - sparsity) * rows * cols
    block, starts = 1, rows + 1
    if isinstance(pattern, Block):
        block, starts = pattern.rows * pattern.cols, math.ceil(rows / pattern.rows) + 1
    indices = values / block + (0 if isinstance(pattern, NM) else 4 * starts)
    return min(4.0 * rows * cols, 4 * values + indices)


def choose_options(options: Mapping[str, Sequence[Option]], limit: float) -> dict[str, Option]:
    """For each layer the option with which the sum of errors is least and that of costs at most `limit`.

    A multiple-choice knapsack, by dynamic programming over the cost in steps of a 4000th of the limit.
    Raises PruningError where even the cheapest options cost more, with what they cost.

    >>> a = [Option("dense", 0, 0.0, 10), Option("element", 0.5, 0.1, 5)]
    >>> b = [Option("dense", 0, 0.0, 10), Option("element", 0.5, 0.4, 5)]
    >>> {name: option.pattern for name, option in choose_options({"a": a, "b": b}, 15.1).items()}
    {'a': 'element', 'b': 'dense'}
    """
    least = sum(min(option.cost for option in found) for found in options.values())
    if least > limit * (1 + 1e-9):
        raise PruningError(
            f"the budget leaves {limit:.6g} for these layers, and the least they can take is {least:.6g}"
        )
    best: NDArray[np.float64] = np.zeros(BINS + 1)  # the least error with at most so much spent
    picks: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for found in options.values():
        steps = np.array([math.ceil(option.cost / limit * BINS - 1e-9) for option in found], dtype=np.int64)
        after: NDArray[np.float64] = np.full(BINS + 1, np.inf)
        pick: NDArray[np.int64] = np.full(BINS + 1, -1, dtype=np.int64)
        for number, (option, step) in enumerate(zip(found, steps.tolist(), strict=True)):
            if step > BINS:
                continue
            candidate = best[: BINS + 1 - step] + option.error
            better = candidate < after[step:]
            after[step:][better] = candidate[better]
            pick[step:][better] = number
        picks.append((steps, pick))
        best = after
    if not np.isfinite(best[BINS]):  # rounding up took what was left over: the cheapest it is
        return {name: min(found, key=lambda option: option.cost) for name, found in options.items()}
    chosen: dict[str, Option] = {}
    at = BINS
    for (name, found), (steps, pick) in zip(reversed(list(options.items())), reversed(picks), strict=True):
        number = int(pick[at])
        chosen[name] = found[number]
        at -= int(steps[number])
    return {name: chosen[name] for name in options}
