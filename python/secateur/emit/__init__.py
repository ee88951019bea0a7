"""From an optimised graph to the bytes of a model file."""

from secateur.emit.cross_check import first_difference
from secateur.emit.memory_plan import MemoryPlan, plan_memory
from secateur.emit.writer import Emitted, emit

__all__ = ["Emitted", "MemoryPlan", "emit", "first_difference", "plan_memory"]
