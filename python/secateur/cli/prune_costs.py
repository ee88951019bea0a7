"""What layers of a pruned network will take on a target: the compiler's own model of its core."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secateur.prune.solve.budget import CostFunction


def target_costs(target: str | None) -> tuple[CostFunction, str]:
    """(cost function as `Budget` takes it, what it counts): milliseconds of one thread for a machine profile;
    for a named target, whose clock is not known, millions of multiply-adds at its peak.

    A layer takes what the faster of its dense and its sparse form does. What packing an input costs, and
    operators without weights, are left out. Raises InvalidArgumentError for a target that is not known.

    >>> cost, unit = target_costs("raspberry-pi-4")
    >>> unit, cost("layer", 100, 100, 50, "dense", 0.0)
    ('M multiply-adds at peak', 0.5555555555555555)
    """
    from secateur.cli.remote import target_named
    from secateur.passes.cost_model import core_for, spmm_cost, spmv_cost
    from secateur.prune.patterns import Block, parse_pattern

    core = core_for(target_named(target))
    peak = 1.0 if core.profile is None else core.profile.peak  # multiply-adds a nanosecond

    def cost(layer: str, rows: int, cols: int, positions: int, pattern: str, sparsity: float) -> float:
        def stored_as(values: int, block_rows: int) -> float:
            if positions == 1:
                return spmv_cost(core, values, sparse=block_rows > 0) / core.dense
            return spmm_cost(core, values, positions, block_rows, 0)

        found = stored_as(rows * cols, 0)
        if pattern != "dense" and sparsity > 0:
            shape = parse_pattern(pattern)
            block_rows = shape.rows if isinstance(shape, Block) else 1
            found = min(found, stored_as(round(rows * cols * (1 - sparsity)), block_rows))
        return found / peak / 1e6 if positions else 0.0

    return cost, "ms" if core.profile is not None else "M multiply-adds at peak"
