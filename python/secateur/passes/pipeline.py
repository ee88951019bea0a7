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
from secateur.passes.halve import HALVE
from secateur.passes.merge_permutations import MERGE_PERMUTATIONS
from secateur.passes.quantize import Quantization, prepare, quantise_graph
from secateur.passes.remove_dead_channels import REMOVE_DEAD_CHANNELS, removing_dead_channels
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
# Channels that i8 kernels take at once.
QUAD = 4


def quantizing(q: Quantization) -> Pass:
    """The pass that a description makes."""

    def run(graph: Graph, core: Core) -> Outcome:
        prepare(graph)
        said = str(quantise_graph(graph, q))
        if not core.byte_dots:
            said += (
                f"; {core.name} has no instruction that multiplies four bytes at once: int8 makes the file "
                f"smaller there, not the inference faster (weights='int8' alone keeps f32 arithmetic)"
            )
        return Outcome(True, said)

    return Pass("quantize", run, ensures="what is read is of the dtype that its reader takes")


def _rounds(graph: Graph, core: Core, unit: int) -> list[str]:
    passes = [removing_dead_channels(unit) if p is REMOVE_DEAD_CHANNELS else p for p in GRAPH_PASSES]
    report: list[str] = []
    for _ in range(MAX_ROUNDS):
        modified, sentences = run_passes(graph, passes, core)
        report += sentences
        if not modified:
            break
    return report


def settle(graph: Graph, core: Core, unit: int = 1) -> list[str]:
    """The passes that do not ask how numbers are stored, in place: in this form tensors are calibrated.

    unit: channels that are removed together or not at all.
    """
    return _rounds(graph, core, unit) + run_passes(graph, SETTLING_PASSES, core)[1]


def optimise(
    graph: Graph,
    core: Core,
    quantize: Quantization | None = None,
    weights: str = "float32",
    unit: int | None = None,
    dtype: str = "float32",
) -> list[str]:
    """Runs every pass on the graph, in place; returns what they say they did.

    quantize: the description by which layers run in i8. weights: how those that run in f32 are stored.
    unit: channels that are removed together or not at all; by default those that kernels of the dtype take
    at once.
    dtype: of the tensors between operators where `quantize` names none, "float32" or "float16".
    """
    last = FINAL_PASSES
    if quantize is not None:
        again = (FUSE_RESIDUAL, FUSE_ACTIVATION)  # of layers that stay in f32
        last = (*SETTLING_PASSES, quantizing(quantize), *again, storing(weights), CHOOSE_FORMAT)
    elif dtype == "float16":
        last = (*SETTLING_PASSES, HALVE, storing(weights), CHOOSE_FORMAT)
    elif weights != "float32":
        last = (*SETTLING_PASSES, storing(weights), CHOOSE_FORMAT)
    unit = unit or (1 if quantize is None else QUAD)
    report = _rounds(graph, core, unit) + run_passes(graph, last, core)[1]
    verify(graph, final=True)
    return report
