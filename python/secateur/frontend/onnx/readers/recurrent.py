"""LSTM, GRU and RNN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import binary, recurrent, select, shape, unary
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.recurrent import Cell, Function
from secateur.lowering.unsupported import Unsupported

_PLAIN = ("relu", "tanh", "sigmoid", "softplus")
_DEFAULTS = {"lstm": ["Sigmoid", "Tanh", "Tanh"], "gru": ["Sigmoid", "Tanh"], "rnn": ["Tanh"]}


@reads("LSTM", "GRU", "RNN")
def recurrent_layer(b: Builder, a: Args) -> tuple[Tensor, ...]:
    """(every step's hidden state, the last one, and the cell's of an LSTM)"""
    kind = a.op.lower()
    direction = a.text("direction", "forward")
    x = a.floats()
    batch_first = a.integer("layout") == 1
    if batch_first:
        x = shape.permute(x, [1, 0, 2])
    steps, batch = x.shape[0], x.shape[1]
    if a.has(4) and (not isinstance(a.raw(4), np.ndarray) or any(n != steps for n in a.ints_of(4))):
        raise Unsupported("sequences of different lengths in one batch")
    weights, hidden_weights, biases = a.const(1), a.const(2), a.maybe_const(3)
    hidden = hidden_weights.shape[2]
    functions = _functions(b, a, kind, len(weights))
    rows, lasts, name = [], [], b.node_name
    for d in range(len(weights)):
        bias = None if biases is None else np.split(biases[d], 2)
        cell = Cell(
            kind,
            weights[d],
            hidden_weights[d],
            None if bias is None else bias[0],
            None if bias is None else bias[1],
            functions[d],
            peepholes=a.const(7)[d] if kind == "lstm" and a.has(7) else None,
            linear_before_reset=bool(a.integer("linear_before_reset")),
            input_forget=bool(a.integer("input_forget")),
            limit=a.number("clip", 0) or None,
        )
        first = [
            _first(b, a, at, d, (batch, hidden), batch_first) for at in ((5, 6) if kind == "lstm" else (5,))
        ]
        back = direction == "reverse" or d == 1
        b.node_name = f"{name}.{'backward' if back else 'forward'}" if len(weights) > 1 else name
        wants_cell = len(a.outputs) > 2 and bool(a.outputs[2])
        outputs, last = recurrent.layer(b, cell, x, first, back, wants_cell)
        rows.append(outputs)
        lasts.append(last)
    b.node_name = name
    # [steps, directions, batch, hidden], and [directions, batch, hidden]; the batch first where it was.
    made: list[Any] = [None] * 3
    if a.outputs[0]:
        y = recurrent.stacked(b, rows, 1)
        made[0] = shape.permute(y, [2, 0, 1, 3]) if batch_first else y
    for at in range(1, len(a.outputs)):
        if a.outputs[at]:
            y = recurrent.stacked(b, [last[at - 1] for last in lasts], 0)
            made[at] = shape.permute(y, [1, 0, 2]) if batch_first else y
    return tuple(made)


def _first(b: Builder, a: Args, at: int, d: int, size: tuple[int, int], batch_first: bool) -> Any:
    if not a.has(at):
        return np.zeros(size, np.float32)
    held = a.value(at)
    if isinstance(held, np.ndarray):
        return np.ascontiguousarray(held[:, d] if batch_first else held[d])
    return select.pick(b, a.floats(at), 1 if batch_first else 0, d)


def _functions(b: Builder, a: Args, kind: str, directions: int) -> list[list[str | Function]]:
    given = a.attribute("activations")
    default = _DEFAULTS[kind] * directions
    names = default if not given else [g.decode() if isinstance(g, bytes) else str(g) for g in given]
    alphas, betas = (iter(a.attribute(key) or ()) for key in ("activation_alpha", "activation_beta"))
    made = [_function(b, name.lower(), alphas, betas) for name in names]
    each = len(_DEFAULTS[kind])
    return [made[i * each : (i + 1) * each] for i in range(directions)]


def _function(b: Builder, name: str, alphas: Iterator[float], betas: Iterator[float]) -> str | Function:
    if name in _PLAIN:
        return name
    if name == "leakyrelu":
        slope = float(next(alphas, 0.01))
        return lambda x: b.unary(x, "leaky_relu", slope)
    if name == "elu":
        alpha = float(next(alphas, 1.0))
        return lambda x: unary.elu(b, x, alpha, 1.0, 1.0)
    if name == "affine":
        scale, shift = float(next(alphas, 1.0)), float(next(betas, 0.0))
        return lambda x: b.binary_constant(unary.scaled(b, x, scale), "add", binary.number(shift))
    if name == "hardsigmoid":
        scale, shift = float(next(alphas, 0.2)), float(next(betas, 0.5))
        return lambda x: b.unary(
            b.binary_constant(unary.scaled(b, x, scale), "add", binary.number(shift)), "clamp", 0, 1
        )
    if name == "scaledtanh":
        outer, inner = float(next(alphas, 1.0)), float(next(betas, 1.0))
        return lambda x: unary.scaled(b, b.unary(unary.scaled(b, x, inner), "tanh"), outer)
    raise Unsupported(f"the activation {name!r} of a recurrent layer")
