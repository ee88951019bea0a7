"""The form of a graph in which tensors are calibrated: what i8 operators cannot apply stands alone.

An activation, so that the tensor before it has a scale, too. And a residual sum that an operator without i8
form reads (the layer normalisation of a transformer): converted to f32 in any case, it is added in f32, and
what is rounded to bytes is the branch, with a scale of its own. Residual streams have a few channels far
larger than all others, and one scale for the sum would give them most of the steps.
"""

from __future__ import annotations

import numpy as np

from secateur.ir import Activation, Graph, Op, Value
from secateur.ir.options import BinaryOptions, UnaryOptions
from secateur.ir.quantised import NARROWING
from secateur.passes.quantize.dtypes import MOVERS, capable

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
    """Sums and activations set apart, in place; their number. Passes fuse those of f32 layers again."""
    return _split_sums(graph) + _split_activations(graph)


def _split_sums(graph: Graph) -> int:
    uses = graph.uses()
    ops: list[Op] = []
    split = 0
    for op in graph.ops:
        ops.append(op)
        if op.kind != "Conv" or len(op.inputs) < 2 or op.activation.kind != "none":
            continue
        if not any(capable(reader) for reader in uses[op.output]):
            continue
        branch = Value(f"{op.output.name}.branch", op.output.type)
        operands = [branch, op.inputs.pop()]
        ops.append(
            Op("Binary", f"{op.name}.sum", operands, op.output, BinaryOptions(kind="add"), source=op.source)
        )
        op.output = branch
        split += 1
    graph.ops = ops
    return split


def _split_activations(graph: Graph) -> int:
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
