"""A compiled network against its source: the oracle, the bounds, and who is to blame."""

from secateur.verify.compare import verify_compiled

__all__ = ["verify_compiled"]
