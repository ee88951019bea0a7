"""Recurrent layers over the steps of a sequence, unrolled: each step reads the same weights.

Hochreiter and Schmidhuber, Long short-term memory, 1997 (with the peepholes of Gers and Schmidhuber, 2000);
Cho et al., Learning phrase representations using RNN encoder-decoder, 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from secateur.ir.types import Array
from secateur.lowering import binary, join, linear, select, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Cell:
    """One direction of a layer. Weights are [gates * hidden, inputs or hidden], biases [gates * hidden] or
    None.

    functions: of the gates, of the new value, and of an LSTM's output. limit: what goes into them lies in
    ±limit.
    """

    kind: str  # lstm, gru or rnn
    of_input: Array
    of_hidden: Array
    input_bias: Array | None
    hidden_bias: Array | None
    functions: Sequence[Function]
    peepholes: Array | None = None  # [3 * hidden] of an LSTM: of the gates i, o, f
    linear_before_reset: bool = False  # of a GRU: the reset gate scales what the hidden state gives
    input_forget: bool = False  # of an LSTM: what is forgotten is what is not taken in
    limit: float | None = None

    @property
    def hidden(self) -> int:
        return int(self.of_hidden.shape[1])


def unroll(
    b: Builder, cell: Cell, x: Tensor, first: Sequence[Tensor | Array], backwards: bool = False
) -> tuple[list[Tensor], list[Tensor]]:
    """(hidden state after each step, in the order of the sequence; the last states).

    x: [steps, batch, inputs]. first: the hidden state [batch, hidden], and the cell's of an LSTM.
    """
    steps = x.shape[0]
    name = b.node_name
    b.node_name = f"{name}.input"
    bias = cell.input_bias
    if cell.kind != "gru" and cell.hidden_bias is not None:
        bias = cell.hidden_bias if bias is None else bias + cell.hidden_bias
    gates = linear.contract(b, x, -1, cell.of_input, bias)
    b.node_name = name
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


def _lstm(b: Builder, cell: Cell, x: Tensor, state: list[Any]) -> list[Any]:
    """Gates in the order i, o, f, c."""
    h, c = state
    n = cell.hidden
    peep = None if cell.peepholes is None else cell.peepholes.reshape(3, n)
    i, o, f, new = select.split(b, _sum(b, x, _times(b, h, cell.of_hidden, None)), 1, [n] * 4)

    def gate(z: Tensor, c: Any, at: int) -> Tensor:
        if peep is not None:
            z = _two(b, z, _two(b, c, peep[at], "mul") if isinstance(c, Tensor) else c * peep[at], "add")
        return cell.functions[0](_limited(b, cell, z))

    i = gate(i, c, 0)
    if cell.input_forget:
        f = b.binary_constant(i, "sub", binary.number(1), True)
    else:
        f = gate(f, c, 2)
    taken = _two(b, i, cell.functions[1](_limited(b, cell, new)), "mul")
    kept = _two(b, f, c, "mul") if isinstance(c, Tensor) or c.any() else None
    c = taken if kept is None else _two(b, kept, taken, "add")
    o = gate(o, c, 1)
    return [_two(b, o, cell.functions[2](c), "mul"), c]


def _gru(b: Builder, cell: Cell, x: Tensor, state: list[Any]) -> list[Any]:
    """Gates in the order z, r, h: ``(1 - z) new + z h``."""
    (h,) = state
    n = cell.hidden
    zr, new = select.split(b, x, 1, [2 * n, n])
    bias = cell.hidden_bias
    both = None if bias is None else bias[: 2 * n]
    last = None if bias is None else bias[2 * n :]
    z, r = select.split(b, _sum(b, zr, _times(b, h, cell.of_hidden[: 2 * n], both)), 1, [n, n])
    z, r = (cell.functions[0](_limited(b, cell, gate)) for gate in (z, r))
    own = cell.of_hidden[2 * n :]
    if cell.linear_before_reset:
        given = _times(b, h, own, last)
        given = None if given is None else _two(b, r, given, "mul")
    else:
        scaled = _two(b, r, h, "mul") if isinstance(h, Tensor) or h.any() else h
        given = _times(b, scaled, own, last)
    new = cell.functions[1](_limited(b, cell, _sum(b, new, given)))
    if not isinstance(h, Tensor) and not h.any():
        return [_two(b, new, _two(b, z, new, "mul"), "sub")]
    off = _two(b, h, new, "sub")
    return [_two(b, new, _two(b, z, off, "mul"), "add")]


def _rnn(b: Builder, cell: Cell, x: Tensor, state: list[Any]) -> list[Any]:
    (h,) = state
    z = _sum(b, x, _times(b, h, cell.of_hidden, None))
    return [cell.functions[0](_limited(b, cell, z))]
