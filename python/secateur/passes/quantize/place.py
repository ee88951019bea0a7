"""Types, conversions, bytes: the graph that a description makes of an f32 graph in its calibrated form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from secateur.errors import InvalidArgumentError
from secateur.ir import Graph, Op, Value
from secateur.ir.ops.binary import FUNCTIONS
from secateur.ir.options import UnaryOptions
from secateur.ir.quantised import bias_codes, table_of
from secateur.ir.types import Array, Codes, DType, TensorType, planes, quantised
from secateur.passes.conversions import Conversions
from secateur.passes.quantize.description import Quantization
from secateur.passes.quantize.dtypes import MOVERS, WEIGHTY, Bias, capable, choose_dtypes
from secateur.passes.quantize.equalise import equalise_pair
from secateur.passes.quantize.weights import by_scales, quantise_rows


@dataclass
class Placed:
    """What was done: layers with weights in i8, those in f32 and why, and conversions by their direction."""

    i8: list[str] = field(default_factory=list)
    f32: dict[str, str] = field(default_factory=dict)
    conversions: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        total = len(self.i8) + len(self.f32)
        placed = ", ".join(f"{n} {kind}" for kind, n in sorted(self.conversions.items())) or "none"
        kept = "; ".join(f"{name}: {why}" for name, why in list(self.f32.items())[:3])
        more = f"; and {len(self.f32) - 3} more" if len(self.f32) > 3 else ""
        return f"{len(self.i8)} of {total} layers in i8; conversions: {placed}" + (
            f"; in f32: {kept}{more}" if kept else ""
        )


def check_names(graph: Graph, q: Quantization) -> None:
    """Raises InvalidArgumentError where the description is of another network."""
    layers = {op.name for op in graph.ops}
    values = {value.name for value in graph.values()}
    for what, named, known in (("layer", q.layers, layers), ("tensor", q.tensors, values)):
        missing = next((name for name in named if name not in known), None)
        if missing is not None:
            raise InvalidArgumentError(
                f"the description is of another network ({q.network}): {graph.name} has no {what} {missing!r}"
            )
    for name, numbers in q.bias.items():
        op = next((op for op in graph.ops if op.name == name), None)
        if op is None or op.kind not in WEIGHTY or len(numbers) != op.output.channels:
            raise InvalidArgumentError(f"the description corrects a bias that {name!r} does not have")


def adjust(graph: Graph, q: Quantization) -> None:
    """The f32 graph with the description's equalisation and corrections of biases, in place."""
    ops = {op.name: op for op in graph.ops}
    for first, second, factors in q.equalised:
        equalise_pair(ops[first], ops[second], np.asarray(factors, np.float64))
    for name, numbers in q.bias.items():
        o = ops[name].options
        bias = 0.0 if o.bias is None else o.bias.astype(np.float64)
        o.bias = np.asarray(bias + np.asarray(numbers), np.float32)


def quantise_graph(graph: Graph, q: Quantization) -> Placed:
    """Runs the description on a graph that `prepare` has gone over, in place.

    Raises InvalidArgumentError where the description is of another network.
    """
    q.check()
    check_names(graph, q)
    adjust(graph, q)
    scales = _Scales(graph, q)
    weights: dict[str, tuple[Codes, Array]] = {}
    biases: dict[str, Bias] = {}
    for op in graph.ops:
        layer = q.layers.get(op.name)
        if op.kind not in WEIGHTY or layer is None or layer.dtype != "i8" or capable(op):
            continue
        given = by_scales(op.options.weight, np.asarray(q.rows.get(op.name, ()), np.float32))
        codes, rows = given or quantise_rows(op.options.weight, q.weights)
        bias = op.options.bias if op.options.bias is not None else np.zeros(len(codes), np.float32)
        weights[op.name] = codes, rows
        biases[op.name] = bias_codes(bias, scales.of(op.inputs[0]).scale, rows)
    dtypes = choose_dtypes(graph, q, biases)
    scales.unify({name for name, (dtype, _) in dtypes.items() if dtype == "i8"})
    placed = Placed()
    builder = _Builder(graph, scales)
    for op in graph.ops:
        dtype, reason = dtypes[op.name]
        op.because = f"{dtype}: {reason}"
        if op.kind in WEIGHTY:
            if dtype == "i8":
                placed.i8.append(op.name)
            else:
                placed.f32[op.name] = reason
        builder.add(op, dtype == "i8", weights.get(op.name), biases.get(op.name))
    builder.made.finish()
    placed.conversions = builder.made.counts
    return placed


class _Scales:
    """The i8 type of each value."""

    def __init__(self, graph: Graph, q: Quantization) -> None:
        self.graph = graph
        self.q = q
        self.types: dict[Value, TensorType] = {}

    def of(self, value: Value) -> TensorType:
        if value not in self.types:
            found = self.q.tensors.get(value.name)
            if found is None:
                raise InvalidArgumentError(
                    f"the description has no scale for {value.name!r}, which an i8 layer reads or makes"
                )
            scale = float(np.float32(found.scale))
            self.types[value] = quantised(value.shape, scale, found.zero_point)
        return self.types[value]

    def unify(self, i8: set[str]) -> None:
        """The parts of a concatenation take the scale of the whole; what copies codes, and a maximum, that of
        its input."""
        uses, producers = self.graph.uses(), self.graph.producers()
        joined: set[Value] = set()
        for op in reversed(self.graph.ops):  # the outermost concatenation first
            if op.kind != "Concat" or op.name not in i8:
                continue
            whole = self.of(op.output)
            for value in set(op.inputs):
                maker = producers.get(value)
                copies = maker is not None and maker.kind in MOVERS and maker.kind != "Concat"
                if self.graph.sole_use(value, uses) is op and not copies:
                    self.types[value] = quantised(value.shape, whole.scale, whole.zero_point)
                    joined.add(value)
        for op in self.graph.ops:
            copies = op.kind in MOVERS and op.kind != "Concat"
            largest = op.kind in ("Pool", "GlobalPool") and op.options.kind == "max"
            if op.name not in i8 or not (copies or largest) or op.output in joined:
                continue
            x = self.of(op.inputs[0])
            self.types[op.output] = quantised(op.output.shape, x.scale, x.zero_point)


class _Builder:
    """The new operators, in order."""

    def __init__(self, graph: Graph, scales: _Scales) -> None:
        self.scales = scales
        self.made = Conversions(graph)

    def add(self, op: Op, i8: bool, weight: tuple[Codes, Array] | None, bias: Bias | None) -> None:
        made = self.made
        if not i8:
            op.inputs = [made.of(v, planes(*v.shape)) if v.type.dtype is DType.I8 else v for v in op.inputs]
            made.ops.append(op)
            return
        if op.kind == "Concat":
            whole = self.scales.of(op.output)
            wanted = [quantised(v.shape, whole.scale, whole.zero_point) for v in op.inputs]
        else:
            wanted = [self.scales.of(value) for value in op.inputs]
        op.inputs = [made.of(value, t) for value, t in zip(op.inputs, wanted, strict=True)]
        y = self.scales.of(op.output)
        if op.kind in WEIGHTY:
            assert weight is not None
            op.options.weight, op.options.scales = weight
            op.options.bias = bias
        elif op.kind == "Unary" or (op.kind == "Binary" and op.options.constant is not None):
            function = _of_constant(op) if op.kind == "Binary" else np.asarray
            table = table_of(op.inputs[0].type, y, op.activation, function)
            op.kind, op.options = "Unary", UnaryOptions(table=table)
            op.activation = type(op.activation)()
        op.output.type = y
        made.ops.append(op)


def _of_constant(op: Op) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """``number -> number op constant``"""
    constant = float(op.options.constant.item())
    kind, swapped = FUNCTIONS[op.options.kind], op.options.reversed

    def function(x: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            return np.asarray(kind(constant, x) if swapped else kind(x, constant))

    return function
