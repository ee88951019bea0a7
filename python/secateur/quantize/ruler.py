"""How far a description takes a network from its f32 self: the int8 network run on calibration inputs."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from secateur.emit import session_of
from secateur.ir import DType, Graph
from secateur.ir.quantised import dequantise
from secateur.passes.quantize import Quantization, quantise_graph
from secateur.quantize.data import Batch
from secateur.quantize.run import Distance, Taps


class Ruler:
    """Measures descriptions of one network on the same batches, by the runtime, whose int8 is the
    definition's to the bit.

    plain: the graph that descriptions are applied to.
    """

    def __init__(self, plain: Graph, found: Sequence[Batch]) -> None:
        self.plain = plain
        self.found = found
        self.names = [port.name for port in plain.user_outputs]
        self._wanted = list(self._outputs(copy.deepcopy(plain)))

    def _outputs(self, graph: Graph) -> list[list[NDArray[np.float32]]]:
        session = session_of(graph)
        return [[np.asarray(y) for y in session.run(list(batch))] for batch in self.found]

    def quantised(self, q: Quantization) -> Graph:
        """A graph of the description's network."""
        graph = copy.deepcopy(self.plain)
        quantise_graph(graph, q)
        return graph

    def errors(self, q: Quantization) -> dict[str, float]:
        """For each output, the root mean square error, relative."""
        distances = [Distance() for _ in self.names]
        for got, want in zip(self._outputs(self.quantised(q)), self._wanted, strict=True):
            for distance, a, b in zip(distances, got, want, strict=True):
                distance.add(a, b)
        return {name: d.relative for name, d in zip(self.names, distances, strict=True)}

    def error(self, q: Quantization) -> float:
        """One number by which descriptions are compared: the largest of its outputs' errors."""
        return max(self.errors(q).values(), default=0.0)

    def of_layers(self, q: Quantization, taps: Taps) -> dict[str, float]:
        """The error of each layer's result, what came before it included. taps: of the f32 graph."""
        graph = self.quantised(q)
        types = {value.name: value.type for value in graph.values()}
        layers = {op.name: op.output.name for op in self.plain.ops if op.name in q.layers}
        distances = {name: Distance() for name in layers}
        exposed = Taps(graph)
        for values, exact in zip(exposed(self.found), taps(self.found), strict=True):
            for name, value in layers.items():
                x = values[value]
                distances[name].add(
                    dequantise(x, types[value]) if types[value].dtype is DType.I8 else x, exact[value]
                )
        return {name: distance.relative for name, distance in distances.items()}
