"""A compiled network against its source: the oracle, the bounds, and who is to blame."""

from secateur.verify.compare import verify_compiled
from secateur.verify.stored import beside_quantised, verify_stored

__all__ = ["beside_quantised", "verify_compiled", "verify_stored"]
