"""torch.export -> the compiler's graph."""

from secateur.frontend.torch.archive import load_program
from secateur.frontend.torch.export import Source, evaluation_mode, export
from secateur.frontend.torch.inputs import fresh
from secateur.frontend.torch.oracle import TorchOracle
from secateur.frontend.torch.walk import lower

__all__ = ["Source", "TorchOracle", "evaluation_mode", "export", "fresh", "load_program", "lower"]
