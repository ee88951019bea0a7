"""What only moves elements, one behind the other, moves them once.

A permutation of what a permutation, a transposition, a flattening or a new shape made reads the source; a new
shape of what a permutation made is written at once. One that changes nothing is left out.
"""

from __future__ import annotations

from secateur.ir import Graph, Layout, Op
from secateur.ir.graph import Value
from secateur.ir.options import PermuteOptions, ReshapeOptions, UnaryOptions
from secateur.ir.permutation import Permutation, axes, composed, possible, simplified
from secateur.ir.types import MOST_DIMS
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import Core


def _permutation(op: Op) -> Permutation | None:
    """How it orders its input's elements; None of what computes something."""
    x = op.inputs[0]
    if op.kind == "Permute":
        return op.options.shape, op.options.order
    if op.kind == "Transpose":
        return axes(x.type), (0, 2, 1)
    renames = op.kind in ("Flatten", "Reshape") or (op.kind == "Unary" and not op.activation)
    return ((x.type.size,), (0,)) if renames else None


def _merge(op: Op, producers: dict[Value, Op]) -> bool:
    """`op` reads what the operator before it read, if both are one permutation."""
    first = producers.get(op.inputs[0])
    if first is None or not ("Permute" in (first.kind, op.kind) or first.kind == op.kind == "Reshape"):
        return False
    before, after = _permutation(first), _permutation(op)
    if before is None or after is None:
        return False
    both = composed(before, after)
    x = first.inputs[0]
    if both is None or len(both[0]) > MOST_DIMS or not possible(x.type, both, op.output.type):
        return False
    op.kind, op.options, op.inputs = "Permute", PermuteOptions(*both), [x]
    return True


def _renames(op: Op) -> bool:
    """A permutation that keeps the order, between values of one layout: becomes what costs nothing."""
    x, y = op.inputs[0].type, op.output.type
    if op.kind != "Permute" or simplified(op.options.shape, op.options.order)[1] != (0,):
        return False
    if x.layout is not y.layout or axes(x) != axes(y):
        return False
    rows = x.layout is Layout.ROW_MAJOR
    op.kind, op.options = ("Reshape", ReshapeOptions()) if rows else ("Unary", UnaryOptions())
    return True


def run(graph: Graph, _: Core) -> Outcome:
    merged = 0
    modified = False
    for op in list(graph.ops):
        while _merge(op, graph.producers()):
            merged += 1
        modified |= _renames(op)
        if op.kind == "Reshape" and op.inputs[0].type == op.output.type:
            graph.replace_uses(op.output, op.inputs[0])
            graph.remove([op])
            modified = True
    if not merged and not modified:
        return UNCHANGED
    return Outcome(True, f"{count(merged, 'permutation')} joined with what moved before" if merged else "")


MERGE_PERMUTATIONS = Pass(
    "merge_permutations", run, ensures="no permutation reads what another one made, where one does for both"
)
