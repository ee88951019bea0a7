"""A network run on its calibration inputs by the runtime, tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.emit import Exposed
from secateur.errors import InvalidArgumentError
from secateur.ir import Graph
from secateur.ir.reference import from_planes
from secateur.quantize.data import Batch
from secateur.quantize.observe import Extent, Histogram

Values = dict[str, NDArray[Any]]


class Taps:
    """Every value of a graph, batch after batch; of i8 its codes. What the network keeps from one run to the
    next, it keeps."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._exposed = Exposed(graph)

    def __call__(self, found: Sequence[Batch]) -> Iterator[Values]:
        kept = [state.first for state in self._graph.states]
        for batch in found:
            values = self._exposed.run([*batch, *kept])
            kept = [
                from_planes(values[s.next.value.name], s.next.shape, s.next.order) for s in self._graph.states
            ]
            yield values


def observe(
    graph: Graph, taps: Taps, found: Sequence[Batch]
) -> tuple[dict[str, Extent], dict[str, Histogram]]:
    """Two looks at every tensor: its extent, then its histogram. Raises InvalidArgumentError for NaN."""
    names = [value.name for value in graph.values() if len(value.shape) == 4]
    extents = {name: Extent() for name in names}
    for number, values in enumerate(taps(found)):
        for name in names:
            if not extents[name].see(values[name]):
                raise InvalidArgumentError(
                    f"calibration batch {number} makes {name!r} NaN or infinite: it has no range"
                )
    histograms = {name: Histogram.over(extents[name]) for name in names}
    for values in taps(found):
        for name in names:
            histograms[name].see(values[name])
    return extents, histograms


class Distance:
    """Root mean square of a difference, relative to that of what it should be."""

    def __init__(self) -> None:
        self._error = self._power = 0.0

    def add(self, got: NDArray[Any], want: NDArray[Any]) -> None:
        got, want = got.astype(np.float64).reshape(-1), want.astype(np.float64).reshape(-1)
        self._error += float(((got - want) ** 2).sum())
        self._power += float((want**2).sum())

    @property
    def relative(self) -> float:
        return float(np.sqrt(self._error / self._power)) if self._power > 0 else 0.0
