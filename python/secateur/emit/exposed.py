"""A graph run with every one of its values as an output: for calibration, and for finding the layer that is
off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur import _core
from secateur.emit.writer import emit
from secateur.ir import Graph, Port
from secateur.ir.reference import to_planes


def session_of(graph: Graph) -> _core.Session:
    """A session over the graph as it is, for whoever computes with it at once."""
    return _core.Session(_core.Model(emit(graph).data, limits=_core.NO_LIMITS))


class Exposed:
    """A session over the graph whose outputs are all its values. The states of the graph are inputs to it."""

    def __init__(self, graph: Graph, threads: int = 1) -> None:
        self._graph = graph
        self._ports = [Port(op.output.name, op.output, op.output.shape) for op in graph.ops]
        exposed = Graph(graph.name, graph.inputs, self._ports, graph.ops)
        model = _core.Model(emit(exposed, share_memory=False).data, threads=threads, limits=_core.NO_LIMITS)
        self._session = _core.Session(model, threads)

    def run(self, inputs: Sequence[NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
        """Every value by name, as the runtime computes it; i8 as its codes."""
        results = self._session.run([np.asarray(x, order="C") for x in inputs])
        values: dict[str, NDArray[Any]] = {p.value.name: y for p, y in zip(self._ports, results, strict=True)}
        for port, x in zip(self._graph.inputs, inputs, strict=True):
            values[port.value.name] = to_planes(x, port.value.shape, port.order)
        return values
