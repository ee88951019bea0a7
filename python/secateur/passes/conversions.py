"""Converted values: made once each, where the first operator that reads them stands."""

from __future__ import annotations

from secateur.ir import Graph, Op, Value
from secateur.ir.options import ConvertOptions
from secateur.ir.types import TensorType


class Conversions:
    """The operators of a graph as they are gone over again, in order: a conversion stands before the first
    that reads what it makes. `counts`: how many of each direction, "f32 to i8"."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.ops: list[Op] = []
        self.counts: dict[str, int] = {}
        self._made: dict[tuple[Value, TensorType], Value] = {}
        self._names = {value.name for value in graph.values()} | {op.name for op in graph.ops}

    def of(self, value: Value, wanted: TensorType) -> Value:
        """The value in that type, converted once."""
        if value.type == wanted:
            return value
        if (value, wanted) not in self._made:
            kind = f"{value.type.dtype} to {wanted.dtype}"
            self.counts[kind] = self.counts.get(kind, 0) + 1
            made = Value(self._unique(f"{value.name}.{wanted.dtype}"), wanted)
            self.ops.append(Op("Convert", made.name, [value], made, ConvertOptions()))
            self._made[value, wanted] = made
        return self._made[value, wanted]

    def said(self) -> str:
        """The counts, as a text: "1 f32 to i8, 1 i8 to f32"."""
        return ", ".join(f"{n} {kind}" for kind, n in sorted(self.counts.items())) or "none"

    def finish(self) -> None:
        """The graph's operators are these; its outputs are f32, as they were."""
        for port in self.graph.outputs:
            if port.value.type.scaled or port.value.type.halved:
                port.value = self.of(port.value, TensorType(port.value.shape))
        self.graph.ops = self.ops

    def _unique(self, name: str) -> str:
        while name in self._names:
            name += "'"
        self._names.add(name)
        return name
