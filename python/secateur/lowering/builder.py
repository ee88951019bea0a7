"""Emits operators, and moves data where an operator needs an order that the planes do not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from secateur.ir import OPERATORS, Activation, Op, TensorType, Value, row_major
from secateur.ir import options as o
from secateur.ir.operator import TypeRuleError
from secateur.ir.permutation import in_steps
from secateur.ir.types import MOST_DIMS, WHOLE, Array, Shape
from secateur.ir.window import window_grid
from secateur.lowering.axes import (
    Atom,
    Dims,
    Tensor,
    contiguous,
    extent,
    laid_out,
    merge,
    permutation,
    physical_index,
    whole,
)
from secateur.lowering.unsupported import Unsupported, UnsupportedLayout


class Builder:
    """Collects the operators of one lowering. `moves` counts operators that only move data.

    `escape` allows what the planes cannot express: a general permutation into other planes or into a
    row-major tensor; `escapes` counts them.
    """

    def __init__(self, *, escape: bool = False) -> None:
        self.ops: list[Op] = []
        self.moves = 0
        self.escape = escape
        self.escapes = 0
        self.empty_layers: list[str] = []
        self.as_floats: dict[Value, Value] = {}  # of inputs of integers (integers.py)
        self._names: dict[str, int] = {}
        self.node_name = ""
        self.node_source = ""
        self.of_layer = True  # whether constants are weights of a layer, not what the network computes

    # --- emission -------------------------------------------------------------------------------------------

    def unique(self, name: str) -> str:
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return name if count == 0 else self.unique(f"{name}#{count + 1}")

    def emit(
        self,
        kind: str,
        inputs: Sequence[Value],
        shape: Shape | TensorType,
        options: o.Options,
        activation: Activation | None = None,
    ) -> Value:
        if kind != "Embedding" and any(v.type.dtype in WHOLE for v in inputs):
            raise Unsupported("integers are taken by embeddings alone")
        base = self.node_name if not OPERATORS[kind].moves_only else f"{self.node_name}.{kind.lower()}"
        name = self.unique(base)
        value = Value(name, shape if isinstance(shape, TensorType) else TensorType(shape))
        op = Op(kind, name, list(inputs), value, options, activation or Activation(), self.node_source)
        self.ops.append(op)
        return value

    def like(self, x: Tensor, kind: str, options: o.Options, activation: Activation | None = None) -> Tensor:
        """An operator whose output has its input's shape and axis map."""
        return Tensor(self.emit(kind, [x.value], x.value.type, options, activation), x.dims)

    def unary(self, x: Tensor, kind: str, a: float = 0.0, b: float = 0.0) -> Tensor:
        return self.like(x, "Unary", o.UnaryOptions(), Activation(kind, a, b))

    def binary_constant(self, x: Tensor, kind: str, constant: Array, reverse: bool = False) -> Tensor:
        constant = np.ascontiguousarray(constant, np.float32).reshape(-1)
        return self.like(x, "Binary", o.BinaryOptions(kind, constant, reverse))

    # --- beyond planes --------------------------------------------------------------------------------------

    def rearrange(self, x: Tensor, order: Sequence[int], out: TensorType) -> Value:
        """The elements in the order of these dimensions, as a value of that type."""
        *before, last = in_steps(*permutation(x, order), MOST_DIMS)
        value = x.value
        for shape, axes in before:
            self.escapes += 1
            value = self.emit("Permute", [value], row_major(value.type.size), o.PermuteOptions(shape, axes))
        self.escapes += 1
        return self.emit("Permute", [value], out, o.PermuteOptions(*last))

    def relay(self, x: Tensor, reading: str, why: str = "") -> Tensor:
        """The same tensor in planes with each dimension on that axis (B, C or P), in order."""
        if not self.escape:
            raise UnsupportedLayout(why)
        y = laid_out("", x.shape, reading)
        order = [i for axis in "BCP" for i in range(x.rank) if reading[i] == axis]
        return Tensor(self.rearrange(x, order, y.value.type), y.dims)

    def rows(self, x: Tensor, order: Sequence[int] | None = None, why: str = "") -> Tensor:
        """The same tensor, or its dimensions in another order, as a row-major value of its own shape (of one
        dimension where it has more than MOST_DIMS: for what only looks at the order)."""
        if not self.escape:
            raise UnsupportedLayout(why)
        order = range(x.rank) if order is None else order
        shape = tuple(x.shape[i] for i in order)
        in_order = merge(a for i in order for a in x.dims[i]) == whole("R", x.value.type.size)
        if x.row_major and in_order and len(shape) > MOST_DIMS:
            return contiguous(x.value, shape)
        if x.row_major and in_order and x.value.shape == shape:
            return contiguous(x.value)
        if x.row_major and in_order:
            return contiguous(self.emit("Reshape", [x.value], row_major(*shape), o.ReshapeOptions()))
        stored = shape if len(shape) <= MOST_DIMS else (x.value.type.size,)
        return contiguous(self.rearrange(x, order, row_major(*stored)), shape)

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
        if x.row_major:
            return self.relay(x, self._reading(x, chosen))
        inside = [a for i in sorted(chosen) for a in x.dims[i]]
        outside = [a for i, dim in enumerate(x.dims) if i not in chosen for a in dim]
        c_outside = any(a.axis == "C" for a in outside)
        p_outside = any(a.axis == "P" for a in outside)
        if any(a.axis == "B" for a in inside):
            return self.relay(x, self._reading(x, chosen), "the batch would be mixed with features")
        axes = {a.axis for a in inside}
        if c_outside and (axes == {"P"} or not axes) and not p_outside:
            x = self.transpose(x)
        elif "P" in axes and not c_outside and not p_outside:
            x = self.flatten(x)
        elif c_outside or "P" in axes:
            return self.relay(x, self._reading(x, chosen))
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

    def _reading(self, x: Tensor, channels: set[int]) -> str:
        """Those dims as channels, the batch as it is, all others as positions."""

        def axis(i: int) -> str:
            if i in channels:
                return "C"
            return "B" if x.dims[i] and all(a.axis == "B" for a in x.dims[i]) else "P"

        return "".join(map(axis, range(x.rank)))

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
            axes = {d: "C" for d, dim in enumerate(x.dims) if any(a.axis == "C" for a in dim)}
            axes |= dict.fromkeys(dims, "P")
            reading = "".join(axes.get(d, "B") for d in range(x.rank))
            x = self.relay(x, reading, "rows and columns")
        return self.regrid(x, height, width)

    def note_weight(self, weight: Array) -> None:
        """Remembers a layer whose weights are all zero."""
        if self.of_layer and weight.size and not weight.any():
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
