"""Which step first goes wrong: a layer in the runtime, a layer's translation, or a pass."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from secateur.emit import Exposed
from secateur.frontend.common import Arrays, Oracle
from secateur.ir import Graph, Op
from secateur.ir.reference import run_graph, run_op
from secateur.passes import FINAL_PASSES, GRAPH_PASSES, Core, optimise, run_passes
from secateur.verify.bounds import agree, bound, tolerance


def first_difference(graph: Graph, inputs: Sequence[NDArray[np.float32]], threads: int = 1) -> Op | None:
    """The first operator whose result the runtime gets wrong, or None when every one is within bounds.

    Each is compared with its NumPy definition on the runtime's own inputs to it, in float64: an error does
    not travel, so the first operator out of bounds is the one to blame.
    """
    if not graph.ops:
        return None
    values = Exposed(graph, threads).run([*inputs, *(state.first for state in graph.states)])
    for op in graph.ops:
        operands = [values[v.name].reshape(v.shape).astype(np.float64) for v in op.inputs]
        exact = run_op(op, operands)
        got = values[op.output.name].reshape(op.output.shape)
        if not agree(got, exact, bound(op, operands, exact)):
            return op
    return None


def find_culprit(oracle: Oracle, core: Core, inputs: Arrays, allow_empty: bool = False) -> str:
    """Which step first goes wrong: a layer in the runtime, a layer's translation, or a pass. A clause for
    a message."""
    graph = oracle.lower(allow_empty=allow_empty)
    optimise(graph, core)
    op = first_difference(graph, inputs)
    if op is not None:
        place = f" ({op.source})" if op.source else ""
        return f"first off in the runtime: layer {op.name}{place}, {op.kind}"
    layer = oracle.first_mistranslated(inputs)
    if layer is not None:
        return f"first off in the translation: {layer}"
    plain = oracle.lower(allow_empty=allow_empty)
    doubles = [x.astype(np.float64) for x in (*inputs, *(state.first for state in plain.states))]
    exact, _ = run_graph(plain, doubles)
    for step in (*GRAPH_PASSES, *GRAPH_PASSES, *FINAL_PASSES):
        run_passes(plain, [step], core)
        after, _ = run_graph(copy.copy(plain), doubles)
        if any(
            not agree(a, e, np.full(e.shape, tolerance(plain, e))) for a, e in zip(after, exact, strict=True)
        ):
            return f"first off after the pass {step.name}"
    return "no single layer is out of its own bounds"
