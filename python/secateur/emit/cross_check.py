"""Runs a graph in the runtime with every intermediate value exposed, and finds the operator that is off.

Each operator is compared with its NumPy definition *on the runtime's own inputs to it*, in float64: an
error does not travel, so the first operator out of bounds is the one to blame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur import _core
from secateur.emit.writer import emit
from secateur.ir import OPERATORS, Graph, Op, Port
from secateur.ir.reference import run_op, to_planes

UNIT = 2.0**-24  # half an ulp of 1 in float32
SLACK = 16  # roundings of bias, residual and activation, and approximated exponentials


def bound(op: Op, inputs: Sequence[NDArray[np.float64]], exact: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest error that float32 arithmetic in any order explains.

    ``(terms + SLACK) 2^-24`` times the magnitude that the operator's row gives: of a dot product of K terms,
    ``K`` and ``sum |w| |x|``; of others, the largest number in or out.
    """
    row = OPERATORS[op.kind]
    magnitude = row.magnitude(inputs, op.options, exact)
    return np.asarray((row.terms(op) + SLACK) * UNIT * magnitude + 1e-30)


def agree(got: NDArray[Any], exact: NDArray[Any], limit: NDArray[Any]) -> bool:
    """Within the limit; NaN where NaN is due, and the same infinities."""
    both = np.isfinite(got) & np.isfinite(exact)
    with np.errstate(invalid="ignore"):
        same = both | (np.isnan(got) & np.isnan(exact)) | (got == exact)
        close = np.abs(got - exact, where=both, out=np.zeros(exact.shape)) <= limit
    return bool(np.all(same) and np.all(close | ~both))


def run_exposed(
    graph: Graph, inputs: Sequence[NDArray[np.float32]], threads: int = 1
) -> dict[str, NDArray[Any]]:
    """Every value of the graph by name, as the runtime computes it."""
    ports = [Port(op.output.name, op.output, op.output.shape) for op in graph.ops]
    exposed = Graph(graph.name, graph.inputs, ports, graph.ops)
    data = emit(exposed, share_memory=False).data
    model = _core.Model(data, threads=threads, limits=_core.NO_LIMITS)
    results = _core.Session(model, threads).run([np.ascontiguousarray(x) for x in inputs])
    values: dict[str, NDArray[Any]] = {p.value.name: y for p, y in zip(ports, results, strict=True)}
    for port, x in zip(graph.inputs, inputs, strict=True):
        values[port.value.name] = to_planes(x, port.value.shape, port.order)
    return values


def first_difference(graph: Graph, inputs: Sequence[NDArray[np.float32]], threads: int = 1) -> Op | None:
    """The first operator whose result the runtime gets wrong, or None when every one is within bounds."""
    if not graph.ops:
        return None
    values = run_exposed(graph, inputs, threads)
    for op in graph.ops:
        operands = [values[v.name].reshape(v.shape).astype(np.float64) for v in op.inputs]
        exact = run_op(op, operands)
        got = values[op.output.name].reshape(op.output.shape)
        if not agree(got, exact, bound(op, operands, exact)):
            return op
    return None
