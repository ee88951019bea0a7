"""A compiled network against its source: the oracle, the bounds, and who is to blame."""

from secateur.verify.compare import verify_compiled
from secateur.verify.stored import verify_stored

__all__ = ["verify_compiled", "verify_stored"]
