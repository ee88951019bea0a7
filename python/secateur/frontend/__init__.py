"""torch.export -> the compiler's graph."""

from secateur.frontend.export import Source, export
from secateur.frontend.lower import lower

__all__ = ["Source", "export", "lower"]
