"""From an optimised graph to the bytes of a model file."""

from secateur.emit.exposed import Exposed, session_of
from secateur.emit.memory_plan import MemoryPlan, plan_memory
from secateur.emit.metadata import checked
from secateur.emit.writer import Emitted, emit

__all__ = ["Emitted", "Exposed", "MemoryPlan", "checked", "emit", "plan_memory", "session_of"]
