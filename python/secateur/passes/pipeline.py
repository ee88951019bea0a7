"""The order of the passes."""

from __future__ import annotations

from secateur.ir import Graph, verify
from secateur.passes.base import Outcome, Pass, run_passes
from secateur.passes.choose_format import CHOOSE_FORMAT
from secateur.passes.cost_model import Core
from secateur.passes.dead_code import DEAD_CODE
from secateur.passes.fold_affine import FOLD_AFFINE, LOWER_AFFINE
from secateur.passes.fold_padding import FOLD_PADDING
from secateur.passes.fuse_activation import FUSE_ACTIVATION
from secateur.passes.fuse_residual import FUSE_RESIDUAL
from secateur.passes.merge_permutations import MERGE_PERMUTATIONS
from secateur.passes.quantize import Quantization, prepare, quantise_graph
from secateur.passes.remove_dead_channels import REMOVE_DEAD_CHANNELS
from secateur.passes.simplify import SIMPLIFY
from secateur.passes.split_projection import SPLIT_PROJECTION
from secateur.passes.store_weights import storing

# Repeated until nothing changes: a split exposes a scale to fold, a fold an activation to fuse.
GRAPH_PASSES: tuple[Pass, ...] = (
    DEAD_CODE,
    SIMPLIFY,
    MERGE_PERMUTATIONS,
    SPLIT_PROJECTION,
    FOLD_AFFINE,
    FOLD_PADDING,
    FUSE_RESIDUAL,
    FUSE_ACTIVATION,
    REMOVE_DEAD_CHANNELS,
)
SETTLING_PASSES: tuple[Pass, ...] = (LOWER_AFFINE, FUSE_ACTIVATION, DEAD_CODE)
FINAL_PASSES: tuple[Pass, ...] = (*SETTLING_PASSES, CHOOSE_FORMAT)
# Every round removes an operator or splits one into parts that no later round splits; a bound all the same.
MAX_ROUNDS = 10


def quantizing(q: Quantization) -> Pass:
    """The pass that a description makes."""

    def run(graph: Graph, _: Core) -> Outcome:
        prepare(graph)
        return Outcome(True, str(quantise_graph(graph, q)))

    return Pass("quantize", run, ensures="what is read is of the dtype that its reader takes")


def _rounds(graph: Graph, core: Core) -> list[str]:
    report: list[str] = []
    for _ in range(MAX_ROUNDS):
        modified, sentences = run_passes(graph, GRAPH_PASSES, core)
        report += sentences
        if not modified:
            break
    return report


def settle(graph: Graph, core: Core) -> list[str]:
    """The passes that do not ask how numbers are stored, in place: in this form tensors are calibrated."""
    return _rounds(graph, core) + run_passes(graph, SETTLING_PASSES, core)[1]


def optimise(
    graph: Graph, core: Core, quantize: Quantization | None = None, weights: str = "float32"
) -> list[str]:
    """Runs every pass on the graph, in place; returns what they say they did.

    quantize: the description by which layers run in i8. weights: how those that run in f32 are stored.
    """
    last = FINAL_PASSES
    if quantize is not None:
        last = (*SETTLING_PASSES, quantizing(quantize), FUSE_ACTIVATION, storing(weights), CHOOSE_FORMAT)
    elif weights != "float32":
        last = (*SETTLING_PASSES, storing(weights), CHOOSE_FORMAT)
    report = _rounds(graph, core) + run_passes(graph, last, core)[1]
    verify(graph, final=True)
    return report
