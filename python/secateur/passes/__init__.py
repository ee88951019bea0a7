"""Graph passes, one a file; `optimise` runs them in order."""

from secateur.passes.base import Outcome, Pass, run_passes
from secateur.passes.cost_model import Core, core_for
from secateur.passes.given_scales import description
from secateur.passes.halve import check_dtype
from secateur.passes.pipeline import FINAL_PASSES, GRAPH_PASSES, QUAD, optimise, settle
from secateur.passes.quantize import Quantization
from secateur.passes.store_weights import storing

__all__ = [
    "FINAL_PASSES",
    "GRAPH_PASSES",
    "QUAD",
    "Core",
    "Outcome",
    "Pass",
    "Quantization",
    "check_dtype",
    "core_for",
    "description",
    "optimise",
    "run_passes",
    "settle",
    "storing",
]
