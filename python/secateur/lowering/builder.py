"""Emits operators, and moves data where an operator needs an order that the planes do not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from secateur.ir import OPERATORS, Activation, Op, TensorType, Value
from secateur.ir import options as o
from secateur.ir.operator import TypeRuleError
from secateur.ir.types import Array, Shape
from secateur.ir.window import window_grid
from secateur.lowering.axes import Atom, Dims, Tensor, extent, merge, physical_index, whole
from secateur.lowering.unsupported import Unsupported, UnsupportedLayout


class Builder:
    """Collects the operators of one lowering. `moves` counts operators that only move data."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.moves = 0
        self.empty_layers: list[str] = []
        self._names: dict[str, int] = {}
        self.node_name = ""
        self.node_source = ""

    # --- emission -------------------------------------------------------------------------------------------

    def unique(self, name: str) -> str:
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return name if count == 0 else self.unique(f"{name}#{count + 1}")

    def emit(
        self,
        kind: str,
        inputs: Sequence[Value],
        shape: Shape,
        options: o.Options,
        activation: Activation | None = None,
    ) -> Value:
        base = self.node_name if not OPERATORS[kind].moves_only else f"{self.node_name}.{kind.lower()}"
        name = self.unique(base)
        value = Value(name, TensorType(shape))
        op = Op(kind, name, list(inputs), value, options, activation or Activation(), self.node_source)
        self.ops.append(op)
        return value

    def like(self, x: Tensor, kind: str, options: o.Options, activation: Activation | None = None) -> Tensor:
        """An operator whose output has its input's shape and axis map."""
        return Tensor(self.emit(kind, [x.value], x.value.shape, options, activation), x.dims)

    def unary(self, x: Tensor, kind: str, a: float = 0.0, b: float = 0.0) -> Tensor:
        return self.like(x, "Unary", o.UnaryOptions(), Activation(kind, a, b))

    def binary_constant(self, x: Tensor, kind: str, constant: Array, reverse: bool = False) -> Tensor:
        constant = np.ascontiguousarray(constant, np.float32).reshape(-1)
        return self.like(x, "Binary", o.BinaryOptions(kind, constant, reverse))

    # --- moving data ----------------------------------------------------------------------------------------

    def transpose(self, x: Tensor) -> Tensor:
        """Channels become positions and positions channels."""
        v = x.value
        swap = {"B": "B", "C": "P", "P": "C"}
        value = self.emit("Transpose", [v], (v.batch, v.positions, 1, v.channels), o.TransposeOptions())
        self.moves += 1
        return Tensor(value, tuple(tuple(Atom(swap[a.axis], a.size, a.stride) for a in d) for d in x.dims))

    def flatten(self, x: Tensor) -> Tensor:
        """All positions become channels, channel-major."""
        v = x.value
        value = self.emit("Flatten", [v], (v.batch, v.channels * v.positions, 1, 1), o.FlattenOptions())
        self.moves += 1

        def moved(a: Atom) -> Atom:
            if a.axis == "C":
                return Atom("C", a.size, a.stride * v.positions)
            return Atom("C", a.size, a.stride) if a.axis == "P" else a

        return Tensor(value, tuple(merge(moved(a) for a in dim) for dim in x.dims))

    def select_channels(self, x: Tensor, index: Iterable[int]) -> Value:
        """Channels in another order, or some of them: a 1x1 convolution with one nonzero a row."""
        rows = np.fromiter(index, np.int64)
        weight = np.zeros((rows.size, x.value.channels), np.float32)
        weight[np.arange(rows.size), rows] = 1
        self.moves += 1
        kept, self.node_name = self.node_name, f"{self.node_name}.reorder"
        shape = (x.value.batch, rows.size, x.value.height, x.value.width)
        value = self.emit("Conv", [x.value], shape, o.ConvOptions(weight=weight))
        self.node_name = kept
        return value

    def channels_in(self, x: Tensor, dims: Iterable[int], *, ordered: bool = False) -> Tensor:
        """The same tensor, stored so that these logical dims are exactly the channels.

        `ordered` asks for channels in the dims' own order; otherwise any order does (weights are permuted).
        """
        chosen = set(dims)
        inside = [a for i in sorted(chosen) for a in x.dims[i]]
        outside = [a for i, dim in enumerate(x.dims) if i not in chosen for a in dim]
        c_outside = any(a.axis == "C" for a in outside)
        p_outside = any(a.axis == "P" for a in outside)
        if any(a.axis == "B" for a in inside):
            raise UnsupportedLayout("the batch would be mixed with features")
        axes = {a.axis for a in inside}
        if c_outside and (axes == {"P"} or not axes) and not p_outside:
            x = self.transpose(x)
        elif "P" in axes and not c_outside and not p_outside:
            x = self.flatten(x)
        elif c_outside or "P" in axes:
            raise UnsupportedLayout()
        if ordered:
            order = physical_index(a for i in sorted(chosen) for a in x.dims[i])
            if np.any(np.diff(order) != 1):
                value = self.select_channels(x, order)
                stride = 1
                new: dict[int, Atom] = {}
                for i in sorted(chosen, reverse=True):
                    size = extent(x.dims[i])
                    new[i] = Atom("C", size, stride)
                    stride *= size
                x = Tensor(value, tuple(merge([new[i]]) if i in new else d for i, d in enumerate(x.dims)))
        return x

    def regrid(self, x: Tensor, height: int, width: int) -> Tensor:
        """The same positions as other rows and columns; moves nothing."""
        v = x.value
        if (v.height, v.width) == (height, width):
            return x
        kept, self.node_name = self.node_name, f"{self.node_name}.reshape"
        value = self.emit("Unary", [v], (v.batch, v.channels, height, width), o.UnaryOptions())
        self.node_name = kept
        return Tensor(value, x.dims)

    def on_grid(self, x: Tensor, dims: Sequence[int]) -> Tensor:
        """Checks that these logical dims (rows and columns, or columns alone) are the value's own."""
        sizes = [x.shape[i] for i in dims]
        height, width = (1, *sizes)[-2:]
        order = merge(a for i in dims for a in x.dims[i])
        if order != whole("P", height * width) or x.size("P") != height * width:
            raise UnsupportedLayout("rows and columns")
        return self.regrid(x, height, width)

    def note_weight(self, weight: Array) -> None:
        """Remembers a layer whose weights are all zero."""
        if weight.size and not weight.any():
            self.empty_layers.append(self.node_name)

    def window_shape(self, x: Value, channels: int, w: o.WindowOptions) -> Shape:
        try:
            height, width = window_grid(x.shape, w)
        except TypeRuleError as error:
            raise Unsupported(str(error)) from None
        return x.batch, channels, height, width

    def on_new_grid(self, x: Tensor, value: Value, spatial: Sequence[int], channel: int | None) -> Tensor:
        """The axis map after an operator that changed rows and columns (and channels)."""
        dims: list[Any] = list(x.dims)
        for i in spatial:
            dims[i] = ()
        dims[spatial[-1]] = (Atom("P", value.width),)
        if len(spatial) == 2:
            dims[spatial[0]] = (Atom("P", value.height, value.width),)
        if channel is not None:
            dims[channel] = (Atom("C", value.channels),)
        fixed: Dims = tuple(merge(d) for d in dims)
        return Tensor(value, fixed)
