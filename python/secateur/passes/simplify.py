"""Drops operators that do nothing, and pairs that undo each other.

1. Unary without activation and without a new grid     -> its input
2. Binary add/sub 0, mul/div 1 by a constant           -> its input, or Unary with its activation
3. Slice of everything, Concat of one, Pad by nothing  -> its input, or Unary with its activation
4. Flatten of one position                             -> its input
5. Transpose of Transpose                              -> the first one's input, on the second one's grid
"""

from __future__ import annotations

import numpy as np

from secateur.ir import Graph, Op
from secateur.ir.options import UnaryOptions
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import Core

_NEUTRAL = {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0}


def _does_nothing(op: Op) -> bool:
    if op.kind == "Binary" and op.options.constant is not None and not op.options.reversed:
        neutral = _NEUTRAL.get(op.options.kind)
        same = op.inputs[0].type == op.output.type  # a row-major constant may enlarge
        return same and neutral is not None and bool(np.all(op.options.constant == neutral))
    if op.kind in ("Slice", "Pad", "Concat"):
        return len(op.inputs) == 1 and op.inputs[0].shape == op.output.shape and not _strided(op)
    if op.kind == "Flatten":
        return op.inputs[0].positions == 1
    return False


def _strided(op: Op) -> bool:
    return op.kind == "Slice" and (op.options.row_step, op.options.col_step) != (1, 1)


def run(graph: Graph, _: Core) -> Outcome:
    removed = 0
    changed = True
    modified = False
    while changed:
        changed = False
        producers = graph.producers()
        for op in list(graph.ops):
            first = producers.get(op.inputs[0])
            if op.kind == "Transpose" and first is not None and first.kind == "Transpose":
                op.kind, op.options, op.inputs = "Unary", UnaryOptions(), [first.inputs[0]]
                changed = True
            elif _does_nothing(op):
                op.kind, op.options = "Unary", UnaryOptions()
                changed = True
            if op.kind == "Unary" and not op.activation and op.inputs[0].shape == op.output.shape:
                graph.replace_uses(op.output, op.inputs[0])
                graph.remove([op])
                removed += 1
                changed = True
        modified |= changed
    if not modified:
        return UNCHANGED
    return Outcome(True, f"{count(removed, 'operator')} that did nothing removed" if removed else "")


SIMPLIFY = Pass("simplify", run, ensures="no operator is an identity")
