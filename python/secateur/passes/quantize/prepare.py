"""The form of a graph in which tensors are calibrated: every activation that i8 operators cannot apply stands
alone, so that the tensor before it has a scale, too."""

from __future__ import annotations

import numpy as np

from secateur.ir import Activation, Graph, Op, Value
from secateur.ir.options import UnaryOptions
from secateur.ir.quantised import NARROWING
from secateur.passes.quantize.dtypes import MOVERS

# What a saturating function no longer tells apart: its argument's range is cut there.
FLAT = {
    "hard_swish": (-3.0, np.inf),
    "hard_sigmoid": (-3.0, 3.0),
    "sigmoid": (-8.0, 8.0),
    "tanh": (-4.5, 4.5),
    "silu": (-8.0, np.inf),
    "gelu": (-4.0, np.inf),
    "gelu_tanh": (-4.0, np.inf),
}


def prepare(graph: Graph) -> int:
    """Activations set apart, in place; their number. Passes fuse those of f32 layers again."""
    ops: list[Op] = []
    split = 0
    for op in graph.ops:
        ops.append(op)
        applied = ("none",) if op.kind in MOVERS else NARROWING
        if op.activation.kind in applied or op.kind == "Unary":
            continue
        before = Value(f"{op.output.name}.before", op.output.type)
        name = f"{op.name}.{op.activation.kind}"
        ops.append(Op("Unary", name, [before], op.output, UnaryOptions(), op.activation, op.source))
        op.output, op.activation = before, Activation()
        split += 1
    graph.ops = ops
    return split


def useful_range(graph: Graph, value: Value) -> tuple[float, float]:
    """The range of a value outside of which its one reader, an activation, is flat."""
    readers = graph.uses()[value]
    if len(readers) != 1 or graph.is_output(value) or readers[0].kind != "Unary":
        return -np.inf, np.inf
    return FLAT.get(readers[0].activation.kind, (-np.inf, np.inf))
