"""torch.export -> the compiler's graph."""

from secateur.frontend.archive import load_program
from secateur.frontend.export import Source, evaluation_mode, export
from secateur.frontend.inputs import fresh
from secateur.frontend.lower import lower

__all__ = ["Source", "evaluation_mode", "export", "fresh", "load_program", "lower"]
