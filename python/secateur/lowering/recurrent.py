"""Recurrent layers: what the inputs give the gates as one linear layer over all steps, and the steps as one
`Recurrent` operator. Layers of an unusual kind are unrolled over their steps, each reading the same weights.

Hochreiter and Schmidhuber, Long short-term memory, 1997 (with the peepholes of Gers and Schmidhuber, 2000);
Cho et al., Learning phrase representations using RNN encoder-decoder, 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from secateur.ir import Value
from secateur.ir.options import RecurrentOptions
from secateur.ir.types import Array
from secateur.lowering import binary, join, linear, select, shape
from secateur.lowering.axes import Tensor, whole
from secateur.lowering.builder import Builder

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Cell:
    """One direction of a layer. Weights are [gates * hidden, inputs or hidden], biases [gates * hidden] or
    None. Gates in the order i, o, f, c of an LSTM, z, r, h of a GRU.

    functions: of the gates, of the new value, and of an LSTM's output; the name of a `Unary` or more. limit:
    what goes into them lies in ±limit.
    """

    kind: str  # lstm, gru or rnn
    of_input: Array
    of_hidden: Array
    input_bias: Array | None
    hidden_bias: Array | None
    functions: Sequence[str | Function]
    peepholes: Array | None = None  # [3 * hidden] of an LSTM: of the gates i, o, f
    linear_before_reset: bool = False  # of a GRU: the reset gate scales what the hidden state gives
    input_forget: bool = False  # of an LSTM: what is forgotten is what is not taken in
    limit: float | None = None
    projection: Array | None = None  # of an LSTM: [outputs, hidden], of the hidden state

    @property
    def hidden(self) -> int:
        return len(self.of_hidden) // {"lstm": 4, "gru": 3, "rnn": 1}[self.kind]

    @property
    def operator(self) -> str | None:
        """The kind of the operator that computes its steps; None where they are unrolled."""
        if self.peepholes is not None or self.projection is not None or self.input_forget or self.limit:
            return None
        if self.kind == "rnn":
            return f"rnn_{self.functions[0]}" if self.functions[0] in ("tanh", "relu") else None
        if tuple(self.functions) != ("sigmoid", "tanh", "tanh")[: 3 if self.kind == "lstm" else 2]:
            return None
        if self.kind == "lstm":
            return "lstm"
        return "gru" if self.linear_before_reset else "gru_reset_first"


def layer(
    b: Builder,
    cell: Cell,
    x: Tensor,
    first: Sequence[Tensor | Array],
    backwards: bool = False,
    wants_cell: bool = True,
) -> tuple[Tensor, list[Tensor]]:
    """(hidden state after each step, in the order of the sequence: [steps, batch, hidden]; the last states).

    x: [steps, batch, inputs]. first: the hidden state [batch, hidden], and the cell's of an LSTM. wants_cell:
    whether anybody reads the last state of an LSTM's cell; without, it is not among the last states.
    """
    alike = len({isinstance(state, Tensor) for state in first}) == 1
    if cell.operator is None or not alike:
        outputs, last = unroll(b, cell, x, first, backwards)
        return stacked(b, outputs, 0), last
    cells = cell.kind == "lstm" and wants_cell
    y = _operator(b, cell, x, first, backwards, cells)
    last = [select.pick(b, y, 0, 0 if backwards else x.shape[0] - 1)]
    if not cells:
        return y, last
    n = cell.hidden
    return select.take(b, y, 2, 0, n), select.split(b, last[0], 1, [n, n])


def _operator(
    b: Builder, cell: Cell, x: Tensor, first: Sequence[Tensor | Array], backwards: bool, cells: bool
) -> Tensor:
    """[steps, batch, hidden], or [steps, batch, 2 * hidden] with the cell's states."""
    n, kept = cell.hidden, cell.hidden_bias
    bias, own = cell.input_bias, None
    if kept is not None:
        if cell.operator == "gru":  # the reset gate scales the last third
            own = np.concatenate([np.zeros(2 * n, np.float32), kept[2 * n :]])
            kept = np.concatenate([kept[: 2 * n], np.zeros(n, np.float32)])
        bias = kept if bias is None else bias + kept
    gates = _projected(b, cell, x, bias)
    constants: dict[str, Array] = {}
    inputs = [_placed(b, gates, "PBC")]
    for name, state in zip(("first_hidden", "first_cell"), first, strict=False):
        if isinstance(state, Tensor):
            inputs.append(_placed(b, state, "BC"))
        elif state.any():
            constants[name] = np.ascontiguousarray(state, np.float32)
    options = RecurrentOptions(
        kind=str(cell.operator),
        bias=own if own is not None and own.any() else None,
        first_hidden=constants.get("first_hidden"),
        first_cell=constants.get("first_cell"),
        backwards=backwards,
        cells=cells,
        weight=np.ascontiguousarray(cell.of_hidden),
    )
    b.note_weight(options.weight)
    v = inputs[0]
    value = b.emit("Recurrent", inputs, (v.batch, n * (2 if cells else 1), v.height, v.width), options)
    sizes = (x.shape[0], x.shape[1], value.channels)
    return Tensor(value, tuple(whole(axis, size) for axis, size in zip("PBC", sizes, strict=True)))


def _projected(b: Builder, cell: Cell, x: Tensor, bias: Array | None) -> Tensor:
    """What the inputs give the gates, for all steps at once."""
    name = b.node_name
    at = name.replace("weight_hh", "weight_ih")  # as PyTorch calls the two
    b.node_name = at if at != name else f"{name}.input"
    gates = linear.contract(b, x, -1, cell.of_input, bias)
    b.node_name = name
    return gates


def _placed(b: Builder, x: Tensor, reading: str) -> Value:
    """The value of a tensor whose dimensions are these axes, each whole; moved where it is another."""
    if not x.row_major and all(map(x.is_whole, x.dims, reading)):
        return x.value
    return b.relay(x, reading, "the steps of a recurrent layer are not its positions").value


def unroll(
    b: Builder, cell: Cell, x: Tensor, first: Sequence[Tensor | Array], backwards: bool = False
) -> tuple[list[Tensor], list[Tensor]]:
    """(hidden state after each step, in the order of the sequence; the last states).

    x: [steps, batch, inputs]. first: the hidden state [batch, hidden], and the cell's of an LSTM.
    """
    steps = x.shape[0]
    bias = cell.input_bias
    if cell.kind != "gru" and cell.hidden_bias is not None:
        bias = cell.hidden_bias if bias is None else bias + cell.hidden_bias
    gates = _projected(b, cell, x, bias)
    state = list(first)
    step = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}[cell.kind]
    outputs: list[Any] = [None] * steps
    for at in reversed(range(steps)) if backwards else range(steps):
        state = step(b, cell, select.pick(b, gates, 0, at), state)
        outputs[at] = state[0]
    return outputs, [s for s in state if isinstance(s, Tensor)]


def stacked(b: Builder, parts: Sequence[Tensor], dim: int) -> Tensor:
    """Tensors side by side along a new dimension."""
    return join.concatenate(b, [shape.unsqueeze(part, dim) for part in parts], dim)


def _two(b: Builder, x: Any, y: Any, kind: str) -> Tensor:
    result = binary.combine(b, x, y, kind)
    assert isinstance(result, Tensor)
    return result


def _times(b: Builder, h: Tensor | Array, weight: Array, bias: Array | None) -> Tensor | Array | None:
    """What the hidden state gives; None where that is nothing."""
    if isinstance(h, Tensor):
        return linear.contract(b, h, -1, weight, bias)
    if not h.any() and bias is None:
        return None
    return np.asarray(h @ weight.T + (0 if bias is None else bias), np.float32)


def _sum(b: Builder, x: Tensor, y: Tensor | Array | None) -> Tensor:
    return x if y is None else _two(b, x, y, "add")


def _limited(b: Builder, cell: Cell, x: Tensor) -> Tensor:
    return x if cell.limit is None else b.unary(x, "clamp", -cell.limit, cell.limit)


def _apply(b: Builder, function: str | Function, x: Tensor) -> Tensor:
    return b.unary(x, function) if isinstance(function, str) else function(x)


def _through(b: Builder, cell: Cell, at: int, x: Tensor) -> Tensor:
    return _apply(b, cell.functions[at], _limited(b, cell, x))


def _lstm(b: Builder, cell: Cell, x: Tensor, state: list[Any]) -> list[Any]:
    """(h, c)"""
    h, c = state
    n = cell.hidden
    peep = None if cell.peepholes is None else cell.peepholes.reshape(3, n)
    i, o, f, new = select.split(b, _sum(b, x, _times(b, h, cell.of_hidden, None)), 1, [n] * 4)

    def gate(z: Tensor, c: Any, at: int) -> Tensor:
        if peep is not None:
            z = _two(b, z, _two(b, c, peep[at], "mul") if isinstance(c, Tensor) else c * peep[at], "add")
        return _through(b, cell, 0, z)

    i = gate(i, c, 0)
    if cell.input_forget:
        f = b.binary_constant(i, "sub", binary.number(1), True)
    else:
        f = gate(f, c, 2)
    taken = _two(b, i, _through(b, cell, 1, new), "mul")
    kept = _two(b, f, c, "mul") if isinstance(c, Tensor) or c.any() else None
    c = taken if kept is None else _two(b, kept, taken, "add")
    o = gate(o, c, 1)
    h = _two(b, o, _apply(b, cell.functions[2], c), "mul")
    return [h if cell.projection is None else linear.contract(b, h, -1, cell.projection, None), c]


def _gru(b: Builder, cell: Cell, x: Tensor, state: list[Any]) -> list[Any]:
    """``(1 - z) new + z h``"""
    (h,) = state
    n = cell.hidden
    zr, new = select.split(b, x, 1, [2 * n, n])
    bias = cell.hidden_bias
    both = None if bias is None else bias[: 2 * n]
    last = None if bias is None else bias[2 * n :]
    z, r = select.split(b, _sum(b, zr, _times(b, h, cell.of_hidden[: 2 * n], both)), 1, [n, n])
    z, r = (_through(b, cell, 0, gate) for gate in (z, r))
    own = cell.of_hidden[2 * n :]
    if cell.linear_before_reset:
        given = _times(b, h, own, last)
        given = None if given is None else _two(b, r, given, "mul")
    else:
        scaled = _two(b, r, h, "mul") if isinstance(h, Tensor) or h.any() else h
        given = _times(b, scaled, own, last)
    new = _through(b, cell, 1, _sum(b, new, given))
    if not isinstance(h, Tensor) and not h.any():
        return [_two(b, new, _two(b, z, new, "mul"), "sub")]
    off = _two(b, h, new, "sub")
    return [_two(b, new, _two(b, z, off, "mul"), "add")]


def _rnn(b: Builder, cell: Cell, x: Tensor, state: list[Any]) -> list[Any]:
    (h,) = state
    z = _sum(b, x, _times(b, h, cell.of_hidden, None))
    return [_through(b, cell, 0, z)]
