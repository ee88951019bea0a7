"""Which operators run in i8, and why the others do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secateur.ir import Graph, Layout, Op
from secateur.ir.ops.attention import no_i8
from secateur.ir.ops.binary import OF_I8
from secateur.ir.quantised import may_overflow
from secateur.passes.quantize.description import Quantization

Bias = NDArray[np.int32]

WEIGHTY = ("Conv", "Depthwise")
MOVERS = ("Concat", "Flatten", "Slice", "Pad")  # copy codes: their tensors have one scale
LIGHT = ("Attention", "Pool", "GlobalPool", "Binary", "Unary", *MOVERS)


def capable(op: Op) -> str:
    """Why an operator cannot run in i8; "" where it can."""
    if any(value.type.layout is not Layout.PLANES for value in (*op.inputs, op.output)):
        return f"{op.kind} of row-major tensors has no i8 form"
    if op.kind in WEIGHTY:
        terms = terms_of(op)
        return f"int32 sums of {terms} products could overflow" if may_overflow(terms, None) else ""
    if op.kind == "Binary":
        o = op.options
        if o.constant is not None:
            return "" if o.constant.size == 1 else "arithmetic with a constant tensor has no i8 form"
        return "" if o.kind in OF_I8 else f"{o.kind} has no i8 form"
    if op.kind == "Attention":
        q, k, v = (value.shape for value in op.inputs)
        return no_i8(q, k, v, op.options)
    if op.kind == "GlobalPool" and op.options.kind == "sum":
        return "a sum over all positions has no i8 form"
    if op.kind == "Pad" and op.options.value != 0:
        return "padding by other than zero has no i8 form"
    return "" if op.kind in LIGHT else f"{op.kind} has no i8 form"


def terms_of(op: Op) -> int:
    """Products in a sum."""
    weight = op.options.weight
    return int(weight[0].size) if len(weight) else 0


def choose_dtypes(graph: Graph, q: Quantization, biases: dict[str, Bias]) -> dict[str, tuple[str, str]]:
    """biases: of the operators that may run in i8, in units of their products. Operator -> (dtype, reason).
    Convolutions in i8 unless they are kept or cannot; what has no weights follows what it reads, so that
    nothing is converted only for it; but a sum that an operator without i8 form reads is one of f32."""
    chosen: dict[str, tuple[str, str]] = {}
    for op in graph.ops:
        reason = capable(op)
        layer = q.layers.get(op.name)
        if reason:
            chosen[op.name] = "f32", reason
        elif layer is not None and layer.dtype == "f32":
            chosen[op.name] = "f32", layer.reason
        elif op.name in biases and may_overflow(terms_of(op), biases[op.name]):
            chosen[op.name] = "f32", "its bias is too large beside its products for sums in int32"
        elif op.kind in WEIGHTY and op.name not in biases:
            chosen[op.name] = "f32", "it was not calibrated"
        else:
            chosen[op.name] = "i8", "calibrated" if op.kind in WEIGHTY else "follows what it reads"
    uses, producers = graph.uses(), graph.producers()
    for op in graph.ops:
        if op.kind == "Binary" and chosen[op.name][0] == "i8" and op.options.constant is None:
            reader = next((r for r in uses[op.output] if capable(r)), None)
            if reader is not None:
                chosen[op.name] = "f32", f"{reader.name} reads it in f32"
    changed = True
    while changed:
        changed = False
        for op in graph.ops:
            if chosen[op.name][0] != "i8" or op.kind in WEIGHTY:
                continue
            makers = [producers.get(value) for value in op.inputs]
            if not any(maker is not None and chosen[maker.name][0] == "i8" for maker in makers):
                chosen[op.name] = "f32", "what it reads is f32"
                changed = True
    return chosen
