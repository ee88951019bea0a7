"""``conv(x) + r`` becomes a convolution with a second input, added before its activation."""

from __future__ import annotations

from secateur.ir import DType, Graph, Layout, Op
from secateur.ir.graph import Value
from secateur.ir.shapes import same_planes
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import Core


def _candidate(
    graph: Graph, op: Op, side: int, producers: dict[Value, Op], uses: dict[Value, list[Op]]
) -> Op | None:
    conv = producers.get(op.inputs[side])
    if conv is None or conv.kind != "Conv" or conv.activation or len(conv.inputs) != 1:
        return None
    return conv if graph.sole_use(conv.output, uses) is op else None


def run(graph: Graph, _: Core) -> Outcome:
    fused = 0
    for op in [op for op in graph.ops if op.kind == "Binary"]:
        if op.options.kind != "add" or len(op.inputs) != 2 or op.inputs[0] is op.inputs[1]:
            continue
        if op.output.type.layout is not Layout.PLANES:
            continue
        if not same_planes(op.inputs[0].shape, op.inputs[1].shape):
            continue
        producers, uses = graph.producers(), graph.uses()
        order = {id(o): i for i, o in enumerate(graph.ops)}
        found = [(side, conv) for side in (0, 1) if (conv := _candidate(graph, op, side, producers, uses))]
        if not found:
            continue
        side, conv = max(found, key=lambda item: order[id(item[1])])  # the later one: least moved
        if conv.output.shape != op.output.shape or op.output.type.dtype is not DType.F32:
            continue
        conv.inputs.append(op.inputs[1 - side])
        conv.activation = op.activation
        graph.replace_uses(op.output, conv.output)
        # In the addition's place, where both operands stand.
        graph.ops = [conv if o is op else o for o in graph.ops if o is not conv]
        fused += 1
    return (
        Outcome(True, f"{count(fused, 'residual addition')} fused into convolutions") if fused else UNCHANGED
    )


FUSE_RESIDUAL = Pass("fuse_residual", run, requires="fold_batch_norm")
