"""What the front ends share: the walk over a network's operators, and what verification asks of one."""

from secateur.frontend.common.oracle import Arrays, Oracle, same
from secateur.frontend.common.walk import Unknown, Walk, best_walk, refuse_empty, unexpected

__all__ = ["Arrays", "Oracle", "Unknown", "Walk", "best_walk", "refuse_empty", "same", "unexpected"]
