"""What the front ends share: the walk over a network's operators, and what verification asks of one."""

from secateur.frontend.common.oracle import Arrays, Oracle, same
from secateur.frontend.common.quantised import Scale, Stored, numbers_of
from secateur.frontend.common.walk import Unknown, Walk, best_walk, refuse_empty, unexpected

__all__ = [
    "Arrays",
    "Oracle",
    "Scale",
    "Stored",
    "Unknown",
    "Walk",
    "best_walk",
    "numbers_of",
    "refuse_empty",
    "same",
    "unexpected",
]
