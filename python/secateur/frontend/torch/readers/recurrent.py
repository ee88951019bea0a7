"""LSTM, GRU and RNN, as PyTorch's modules call them."""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur.frontend.torch.registry import Args, reads
from secateur.ir.types import Array
from secateur.lowering import join, recurrent, select, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.recurrent import Cell
from secateur.lowering.unsupported import Unsupported

# PyTorch's gates i, f, c, o and r, z, h in the order that a Cell has.
_ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
_FUNCTIONS = {
    "lstm": ("sigmoid", "tanh", "tanh"),
    "gru": ("sigmoid", "tanh"),
    "rnn_tanh": ("tanh",),
    "rnn_relu": ("relu",),
}


@reads("lstm.input", "gru.input", "rnn_tanh.input", "rnn_relu.input")
def recurrent_layers(b: Builder, a: Args) -> tuple[Any, ...]:
    """(every step's hidden state of the last layer, the last one of each layer, and its cell's of an LSTM)"""
    name = a.target.removesuffix(".input")
    if a.get("train") and a.number("dropout") > 0:
        raise Unsupported("dropout in training mode: call model.eval() before exporting")
    batch_first, ways = bool(a.get("batch_first")), 2 if a.get("bidirectional") else 1
    y = a.tensor("input")
    if batch_first:
        y = shape.permute(y, [1, 0, 2])
    hx = a.list_of("hx") if name == "lstm" else [a.get("hx")]
    params, count = a.list_of("params"), int(a.number("num_layers")) * ways
    if any(not isinstance(param, np.ndarray) for param in params):
        raise Unsupported("a recurrent layer whose weights are computed")
    each, module = len(params) // count, b.node_name
    lasts: list[list[Tensor]] = []
    for layer in range(count // ways):
        outputs = []
        for way in range(ways):
            at = layer * ways + way
            cell = _cell(name, params[at * each : (at + 1) * each], bool(a.get("has_biases")))
            first = [_pick(b, states, at) for states in hx]
            b.node_name = f"{module}.weight_hh_l{layer}{'_reverse' if way else ''}"
            output, last = recurrent.layer(b, cell, y, first, way == 1, a.wants(2))
            outputs.append(output)
            lasts.append(last)
        b.node_name = module
        y = join.join(b, outputs, 2)
    made: list[Any] = [shape.permute(y, [1, 0, 2]) if batch_first else y]
    for state in range(len(hx)):
        wanted = a.wants(1 + state)
        made.append(recurrent.stacked(b, [last[state] for last in lasts], 0) if wanted else None)
    return tuple(made)


def _cell(name: str, params: list[Array], has_biases: bool) -> Cell:
    kind = name.split("_")[0]

    def ordered(param: Array) -> Array:
        gates = np.split(param, len(_ORDER[kind]))
        return np.concatenate([gates[i] for i in _ORDER[kind]])

    return Cell(
        kind,
        ordered(params[0]),
        ordered(params[1]),
        ordered(params[2]) if has_biases else None,
        ordered(params[3]) if has_biases else None,
        _FUNCTIONS[name],
        linear_before_reset=True,
        projection=params[-1] if len(params) in (3, 5) else None,
    )


def _pick(b: Builder, states: Any, at: int) -> Tensor | Array:
    return select.pick(b, states, 0, at) if isinstance(states, Tensor) else np.asarray(states[at])
