"""The order of the passes."""

from __future__ import annotations

from secateur.ir import Graph, verify
from secateur.passes.base import Pass, run_passes
from secateur.passes.choose_format import CHOOSE_FORMAT
from secateur.passes.cost_model import Core
from secateur.passes.dead_code import DEAD_CODE
from secateur.passes.fold_affine import FOLD_AFFINE, LOWER_AFFINE
from secateur.passes.fold_padding import FOLD_PADDING
from secateur.passes.fuse_activation import FUSE_ACTIVATION
from secateur.passes.fuse_residual import FUSE_RESIDUAL
from secateur.passes.merge_permutations import MERGE_PERMUTATIONS
from secateur.passes.remove_dead_channels import REMOVE_DEAD_CHANNELS
from secateur.passes.simplify import SIMPLIFY
from secateur.passes.split_projection import SPLIT_PROJECTION

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
FINAL_PASSES: tuple[Pass, ...] = (LOWER_AFFINE, FUSE_ACTIVATION, DEAD_CODE, CHOOSE_FORMAT)
# Every round removes an operator or splits one into parts that no later round splits; a bound all the same.
MAX_ROUNDS = 10


def optimise(graph: Graph, core: Core) -> list[str]:
    """Runs every pass on the graph, in place; returns what they say they did."""
    report: list[str] = []
    for _ in range(MAX_ROUNDS):
        modified, sentences = run_passes(graph, GRAPH_PASSES, core)
        report += sentences
        if not modified:
            break
    _, sentences = run_passes(graph, FINAL_PASSES, core)
    report += sentences
    verify(graph, final=True)
    return report
