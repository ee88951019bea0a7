"""The sparsity with which a network keeps to a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from secateur.errors import PruningError
from secateur.prune.account import Account
from secateur.prune.goal import Goal
from secateur.prune.scopes import Scope
from secateur.prune.targets import Target, choose

STEPS = 12  # of bisection: a sparsity is found to a 4096th
HIGHEST = 0.999


def settle(
    targets: Sequence[Target], scope: Scope, goal: Goal, account: Callable[[], Account]
) -> tuple[float, str]:
    """(the least sparsity of all `targets` without one of their own that keeps to `goal`, a sentence on it).

    account: what the network takes with what the targets keep at that time. What they keep is in the end what
    it was. Raises PruningError where no sparsity will do, with the nearest budget that can be kept.
    """
    first = [target.keep.clone() for target in targets]

    def spent(sparsity: float) -> float:
        for target, keep in zip(targets, first, strict=True):
            target.keep = keep.clone()
        choose(targets, [t.sparsity if fixed(t) else sparsity for t in targets], scope)
        return account().after.of(goal.kind)

    try:
        dense = account().before.of(goal.kind)
        limit, least = goal.limit(dense), spent(HIGHEST)
        if least > limit:
            raise PruningError(
                f"budget: {goal} leaves {limit:.6g} {goal.kind}, and with all gone that may go the network "
                f"takes {least:.6g} of {dense:.6g}; the nearest that can be kept is {goal.word(least, dense)}"
            )
        low, high, taken = 0.0, HIGHEST, least
        if (at_zero := spent(0.0)) <= limit:
            high, taken = 0.0, at_zero
        for _ in range(STEPS if high else 0):
            middle = (low + high) / 2
            if (found := spent(middle)) <= limit:
                high, taken = middle, found
            else:
                low = middle
    finally:
        for target, keep in zip(targets, first, strict=True):
            target.keep = keep
    return high, (
        f"budget: {goal} is kept at a sparsity of {high:.4f}: {taken:.6g} {goal.kind} of at most "
        f"{limit:.6g}; dense {dense:.6g}" + far_below(targets, taken, limit)
    )


def fixed(target: Target) -> bool:
    """Whether a budget does not decide over this target."""
    return target.own_sparsity or target.pattern.fixed_sparsity is not None


def far_below(targets: Sequence[Target], taken: float, limit: float) -> str:
    """Says that channels go in whole multiples, where that leaves much of the budget unspent."""
    units = sum(int(torch.numel(target.keep)) for target in targets)
    return f" ({units} units go in whole multiples)" if taken < 0.95 * limit else ""
