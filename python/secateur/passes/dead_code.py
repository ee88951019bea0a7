"""Removes operators that no output depends on."""

from __future__ import annotations

from secateur.ir import Graph
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import Core


def run(graph: Graph, _: Core) -> Outcome:
    needed = {port.value for port in graph.outputs}
    kept = []
    for op in reversed(graph.ops):
        if op.output in needed:
            needed.update(op.inputs)
            kept.append(op)
    removed = len(graph.ops) - len(kept)
    graph.ops = kept[::-1]
    return (
        Outcome(True, f"{count(removed, 'operator')} that no output needs removed") if removed else UNCHANGED
    )


DEAD_CODE = Pass("dead_code", run, ensures="every operator reaches an output")
