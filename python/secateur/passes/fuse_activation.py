"""An activation is applied by the operator that makes its argument, while the tile is in registers."""

from __future__ import annotations

from secateur.ir import OPERATORS, Graph
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import Core


def run(graph: Graph, _: Core) -> Outcome:
    fused = 0
    producers = graph.producers()
    uses = graph.uses()
    for op in list(graph.ops):
        if op.kind != "Unary" or not op.activation or op.inputs[0].shape != op.output.shape:
            continue
        first = producers.get(op.inputs[0])
        if first is None or first.activation or not OPERATORS[first.kind].fuses_activation:
            continue
        if graph.sole_use(first.output, uses) is not op:
            continue
        first.activation = op.activation
        graph.replace_uses(op.output, first.output)
        uses[first.output] = uses.pop(op.output)
        graph.remove([op])
        fused += 1
    return (
        Outcome(True, f"{count(fused, 'activation')} fused into what makes their argument")
        if fused
        else UNCHANGED
    )


FUSE_ACTIVATION = Pass(
    "fuse_activation", run, ensures="no activation stands alone after an operator that can carry it"
)
