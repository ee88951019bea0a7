"""The steps of a recurrent layer, position by position.

Hochreiter and Schmidhuber, Long short-term memory, 1997; Cho et al., Learning phrase representations using
RNN encoder-decoder, 2014. What the inputs give the gates, ``x``, comes from an ordinary linear layer before;
the hidden state gives ``g = W h + b``. csrc/format/model.fbs has the equations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from secateur.ir.activation import Activation, activate
from secateur.ir.graph import Op
from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import RecurrentOptions
from secateur.ir.quantised import decoded
from secateur.ir.types import TensorType

GATES = {"lstm": 4, "gru": 3, "gru_reset_first": 3, "rnn_tanh": 1, "rnn_relu": 1}


def rule(x: Sequence[TensorType], o: RecurrentOptions, _: TensorType) -> TensorType:
    require(o.kind in GATES, f"no recurrent layer is called {o.kind}")
    gates, lstm = GATES[o.kind], o.kind == "lstm"
    batch, channels, height, width = x[0].shape
    rows, hidden = o.weight.shape
    require(rows == gates * hidden, f"the weight is not [{gates} * hidden, hidden]")
    require(channels == rows, "its input is not the share of the gates that its inputs give")
    require(o.bias is None or o.bias.shape == (rows,), "the bias has another length than the rows")
    require(lstm or not o.cells, "cells of what is no LSTM")
    require(len(x) in (1, 3 if lstm else 2), "not all first states are given")
    constants = [first for first in (o.first_hidden, o.first_cell) if first is not None]
    require(not constants or len(x) == 1, "first states of an input and of a constant")
    require(lstm or o.first_cell is None, "a first cell of what is no LSTM")
    require(all(c.shape == (batch, hidden) for c in constants), "a first state is not [batch, hidden]")
    require(all(t.shape == (batch, hidden, 1, 1) for t in x[1:]), "a first state is not [batch, hidden]")
    return x[0].with_shape((batch, hidden * (2 if o.cells else 1), height, width))


@dataclass
class Uncertain:
    """A number and the variance of its rounding error, in units of the rounding of 1; errors of different
    operations are independent."""

    x: Floats
    v: Floats

    @staticmethod
    def exact(x: Floats) -> Uncertain:
        return Uncertain(x, np.zeros_like(x))

    def rounded(self, magnitude: Floats | None = None) -> Uncertain:
        """After a rounding relative to what was added up."""
        return Uncertain(self.x, self.v + (self.x if magnitude is None else magnitude) ** 2)

    def __add__(self, other: Uncertain) -> Uncertain:
        total = Uncertain(self.x + other.x, self.v + other.v)
        return total.rounded(np.abs(self.x) + np.abs(other.x))

    def __sub__(self, other: Uncertain) -> Uncertain:
        return self + Uncertain(-other.x, other.v)

    def __mul__(self, other: Uncertain) -> Uncertain:
        return Uncertain(self.x * other.x, self.v * other.x**2 + other.v * self.x**2).rounded()

    def product(self, weight: Floats, bias: Floats | None) -> Uncertain:
        """``weight @ self + bias``, per batch item."""
        y, size = self.x @ weight.T, np.abs(self.x) @ np.abs(weight.T)
        if bias is not None:
            y, size = y + bias, size + np.abs(bias)
        return Uncertain(y, self.v @ (weight**2).T).rounded(size)

    def through(self, kind: str) -> Uncertain:
        y = activate(self.x, Activation(kind))
        slope = {"sigmoid": y * (1 - y), "tanh": 1 - y**2, "relu": y > 0}[kind]
        return Uncertain(y, self.v * slope**2).rounded()


States = list[Uncertain]


def steps(
    inputs: Sequence[Floats], o: RecurrentOptions, one: Callable[[States, Uncertain], States]
) -> list[States]:
    """The states after each step, in the order of positions; `one` makes the next of (states, share of x)."""
    x = inputs[0].reshape(*inputs[0].shape[:2], -1).transpose(2, 0, 1)
    size = (x.shape[1], o.weight.shape[1])
    count = 2 if o.kind == "lstm" else 1
    given: list[Floats | None] = [o.first_hidden, o.first_cell]
    if len(inputs) > 1:
        given = [first.reshape(size) for first in inputs[1:]]
    states = [
        Uncertain.exact(np.zeros(size, x.dtype) if first is None else first.astype(x.dtype))
        for first in given[:count]
    ]
    made: list[States] = [[]] * len(x)
    for at in reversed(range(len(x))) if o.backwards else range(len(x)):
        made[at] = states = one(states, Uncertain.exact(x[at]))
    return made


def states_of(inputs: Sequence[Floats], o: RecurrentOptions) -> list[States]:
    dtype = inputs[0].dtype
    weight = decoded(o.weight, o.scales).astype(dtype)
    bias = None if o.bias is None else o.bias.astype(dtype)
    gates = GATES[o.kind]

    def parts(u: Uncertain) -> list[Uncertain]:
        return [
            Uncertain(x, v) for x, v in zip(np.split(u.x, gates, -1), np.split(u.v, gates, -1), strict=True)
        ]

    def lstm(states: list[Uncertain], x: Uncertain) -> list[Uncertain]:
        i, out, f, new = parts(x + states[0].product(weight, bias))
        c = f.through("sigmoid") * states[1] + i.through("sigmoid") * new.through("tanh")
        return [out.through("sigmoid") * c.through("tanh"), c]

    def gru(states: list[Uncertain], x: Uncertain) -> list[Uncertain]:
        (h,) = states
        g = parts(h.product(weight, bias))
        xz, xr, xn = parts(x)
        z, r = (xz + g[0]).through("sigmoid"), (xr + g[1]).through("sigmoid")
        if o.kind == "gru":
            share = r * g[2]
        else:
            share = (r * h).product(np.split(weight, 3)[2], None if bias is None else np.split(bias, 3)[2])
        new = (xn + share).through("tanh")
        return [new + z * (h - new)]

    def rnn(states: list[Uncertain], x: Uncertain) -> list[Uncertain]:
        return [(x + states[0].product(weight, bias)).through(o.kind.removeprefix("rnn_"))]

    return steps(inputs, o, {"lstm": lstm, "rnn_tanh": rnn, "rnn_relu": rnn}.get(o.kind, gru))


def laid_out(made: list[States], o: RecurrentOptions, y: TensorType, variances: bool) -> Floats:
    kept = [states if o.cells else states[:1] for states in made]
    rows = [np.concatenate([s.v if variances else s.x for s in states], -1) for states in kept]
    return np.ascontiguousarray(np.stack(rows, -1)).reshape(y.shape)


def definition(inputs: Sequence[Floats], o: RecurrentOptions, y: TensorType) -> Floats:
    return laid_out(states_of(inputs, o), o, y, variances=False)


def magnitude(inputs: Sequence[Floats], o: RecurrentOptions, y: TensorType, _: Floats) -> Floats:
    """The deviation that independent roundings of each operation come to, carried through the steps; by
    position, since `terms` counts them all."""
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = np.sqrt(laid_out(states_of(inputs, o), o, y, variances=True))
    return np.asarray(deviation / (y.shape[2] * y.shape[3]))


def terms(op: Op) -> int:
    return int(op.options.weight.shape[1]) * op.output.positions


def macs(op: Op) -> int:
    return op.output.batch * op.output.positions * int(op.options.weight.size)


OPERATOR = Operator(
    "Recurrent",
    RecurrentOptions,
    arity=(1, 3),
    rule=rule,
    definition=definition,
    terms=terms,
    magnitude=magnitude,
    macs=macs,
    fuses_activation=False,
)
