"""Removes channels whose values are the same at every position, or that nobody reads.

A pruner that zeroes a whole filter leaves a channel that is its bias, or zero; after batch normalisation and
activation still a constant. A convolution that reads it adds the same number everywhere: ``W k`` goes into
its bias, and the column becomes zero. What is read by zero columns alone is not computed.

1. Forward: channels that are constant, and their constants, through each operator. A convolution takes a
   constant into its bias, in float64, unless the constant is not zero and the window reaches into padding:
   then it is not the same at the borders, and stays.
2. Backward: channels that are needed. An output port needs all its channels, a row of a convolution those
   where it is not zero, and operators that keep channels apart (activation, pooling, depthwise, addition)
   tie theirs together. Operators that are not listed here need every channel.
3. What is not needed is cut out of weights, biases and constants. A value keeps one channel at least.

Kernels of int8 take four channels at once, and blocks of a weight lie over these: for them a quad of
channels goes as a whole or not at all (`removing_dead_channels(4)`), so that blocks stay where they were
pruned.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from secateur.ir import Graph, Layout, Op, Value
from secateur.ir.activation import activate
from secateur.ir.ops.binary import FUNCTIONS
from secateur.passes.base import UNCHANGED, Outcome, Pass, count

Double = NDArray[np.float64]
Mask = NDArray[np.bool_]
Known = dict[Value, Double]  # the constant of each channel, NaN where it has none
Needed = dict[Value, Mask]


def _in_planes(op: Op) -> bool:
    return all(value.type.layout is Layout.PLANES for value in (*op.inputs, op.output))


def _channels(value: Value) -> int:
    """Row-major tensors count as one channel that is always needed."""
    return value.channels if value.type.layout is Layout.PLANES else 1


# --- forward: constants --------------------------------------------------------------------------------


def _bias(op: Op) -> Double:
    bias = op.options.bias
    return np.zeros(op.output.channels) if bias is None else bias.astype(np.float64)


def _conv(op: Op, x: Double, known: Known) -> Double:
    rows_live = (op.options.weight != 0).any(1)
    total = _bias(op)
    if len(op.inputs) > 1:
        total = total + known[op.inputs[1]]
    return np.where(rows_live, np.nan, total)


def _depthwise(op: Op, x: Double, known: Known) -> Double:
    weight = op.options.weight.astype(np.float64)
    seen = np.where((x != 0) & any(op.options.pads), np.nan, x)
    summed = np.where((weight != 0).any((1, 2)), weight.sum((1, 2)) * seen, 0.0)
    return np.asarray(summed + _bias(op))


def _binary(op: Op, x: Double, known: Known) -> Double:
    constant = op.options.constant
    if constant is None:
        other = known[op.inputs[1]]
        if other.size != x.size:
            return np.full_like(x, np.nan)
    elif constant.size in (1, x.size):
        other = np.broadcast_to(constant.astype(np.float64), x.shape)
    else:
        return np.full_like(x, np.nan)
    a, b = (other, x) if op.options.reversed else (x, other)
    with np.errstate(all="ignore"):
        return np.asarray(FUNCTIONS[op.options.kind](a, b))


def _pad(op: Op, x: Double, known: Known) -> Double:
    o = op.options
    out = np.full(op.output.channels, float(o.value))
    out[o.channel_before : o.channel_before + x.size] = np.where(x == o.value, x, np.nan)
    return out


def _pool(op: Op, x: Double, known: Known) -> Double:
    shrinks = op.options.kind == "average_counting_pad" and any(op.options.pads)
    return np.where((x != 0) & shrinks, np.nan, x)


def _global_pool(op: Op, x: Double, known: Known) -> Double:
    return x * op.inputs[0].positions if op.options.kind == "sum" else x


def _affine(op: Op, x: Double, known: Known) -> Double:
    scale = op.options.scale.astype(np.float64)
    return np.asarray(np.where(scale == 0, 0.0, scale * x) + op.options.shift)


def _slice(op: Op, x: Double, known: Known) -> Double:
    return x[op.options.channel_begin :][: op.output.channels]


_CONSTANTS: dict[str, Callable[[Op, Double, Known], Double]] = {
    "Conv": _conv,
    "Depthwise": _depthwise,
    "Binary": _binary,
    "Unary": lambda op, x, known: x,
    "Affine": _affine,
    "Pool": _pool,
    "GlobalPool": _global_pool,
    "Pad": _pad,
    "Slice": _slice,
    "Concat": lambda op, x, known: np.concatenate([known[v] for v in op.inputs]),
    "Flatten": lambda op, x, known: np.repeat(x, op.inputs[0].positions),
}


def _fold(conv: Op, x: Double) -> bool:
    """Takes the constants that a convolution reads into its bias; whether there were any."""
    o = conv.options
    foldable = np.isfinite(x) & ((x == 0) | (not any(o.pads)))
    taps = o.kernel_h * o.kernel_w
    weight = o.weight.reshape(o.groups, -1, o.weight.shape[1] // taps, taps)
    at = foldable.reshape(o.groups, 1, -1, 1)
    if not bool((at & (weight != 0)).any()):
        return False
    constants = np.where(foldable, x, 0.0).reshape(o.groups, -1)
    extra = np.einsum("grct,gc->gr", weight.astype(np.float64), constants).reshape(-1)
    if o.bias is not None or extra.any():
        o.bias = np.ascontiguousarray(_bias(conv) + extra, np.float32)
    o.weight = np.where(at, np.float32(0), weight).reshape(o.weight.shape)
    return True


def fold_constants(graph: Graph) -> bool:
    """Step 1, in place; whether a convolution took a constant."""
    folded = False
    known: Known = {port.value: np.full(_channels(port.value), np.nan) for port in graph.inputs}
    for op in graph.ops:
        x = known[op.inputs[0]]
        if op.kind == "Conv":
            folded |= _fold(op, x)
        rule = _CONSTANTS.get(op.kind) if _in_planes(op) else None
        result = np.full(_channels(op.output), np.nan) if rule is None else rule(op, x, known)
        result = activate(result, op.activation)
        known[op.output] = np.where(np.isfinite(result), result, np.nan)
    return folded


# --- backward: need ------------------------------------------------------------------------------------

_KEEPS_CHANNELS = ("Depthwise", "Binary", "Unary", "Affine", "Pool", "GlobalPool")


def _tied(op: Op, needed: Needed) -> list[tuple[Mask, Mask]] | None:
    """Pairs of views, of an input's need and the output's, that must be the same; None for an operator that
    needs every channel. A convolution's pair is its residual's."""
    y = needed[op.output]
    x = needed[op.inputs[0]]
    if not _in_planes(op):
        return None
    if op.kind == "Conv" and op.options.groups == 1:
        return [(needed[v], y) for v in op.inputs[1:]]
    if op.kind in _KEEPS_CHANNELS and all(v.channels == y.size for v in op.inputs):
        return [(needed[v], y) for v in op.inputs]
    if op.kind == "Pad" and x.size == y.size:
        return [(x, y)]
    if op.kind == "Slice":
        return [(x[op.options.channel_begin :][: y.size], y)]
    if op.kind == "Concat":
        ends = np.cumsum([v.channels for v in op.inputs])
        return [(needed[v], y[end - v.channels : end]) for v, end in zip(op.inputs, ends, strict=True)]
    return None


def _sweep(op: Op, needed: Needed) -> None:
    x, y = needed[op.inputs[0]], needed[op.output]
    if op.kind == "Flatten":
        whole = x | y.reshape(x.size, -1).any(1)
        x[:] = whole
        y[:] = np.repeat(whole, y.size // x.size)
        return
    pairs = _tied(op, needed)
    if pairs is None:
        for value in (*op.inputs, op.output):
            needed[value][:] = True
        return
    for mine, theirs in pairs:
        both = mine | theirs
        mine[:] = both
        theirs[:] = both
    if op.kind == "Conv":
        read = (op.options.weight[y] != 0).any(0)  # columns
        x |= read.reshape(x.size, -1).any(1)


def _round_up(mask: Mask, unit: int) -> None:
    """All channels of a unit of which one is needed."""
    for begin in range(0, mask.size, unit):
        mask[begin : begin + unit] |= mask[begin : begin + unit].any()


def needed_channels(graph: Graph, unit: int = 1) -> Needed:
    """Step 2: the channels of each value that the outputs depend on, or that go with such, in whole units."""
    needed = {value: np.zeros(_channels(value), np.bool_) for value in graph.values()}
    for port in (*graph.inputs, *graph.outputs):
        needed[port.value][:] = True
    while True:
        before = sum(int(mask.sum()) for mask in needed.values())
        for op in reversed(graph.ops):
            _sweep(op, needed)
        if unit > 1:
            for mask in needed.values():
                _round_up(mask, unit)
        if sum(int(mask.sum()) for mask in needed.values()) > before:
            continue
        empty = next((mask for mask in needed.values() if not mask.any()), None)
        if empty is None:
            return needed
        empty[0] = True


# --- cutting -------------------------------------------------------------------------------------------


def _cut(op: Op, needed: Needed) -> None:
    """The operator without the channels that are not needed, of its inputs and of its output."""
    o, x, y = op.options, needed[op.inputs[0]], needed[op.output]
    if not _in_planes(op):
        return
    if op.kind == "Conv":
        if o.groups == 1:
            weight = o.weight.reshape(y.size, x.size, -1)[y][:, x]
            o.weight = np.ascontiguousarray(weight.reshape(len(weight), -1))
        o.bias = None if o.bias is None else o.bias[y]
    elif op.kind == "Depthwise":
        o.weight, o.bias = o.weight[y], None if o.bias is None else o.bias[y]
    elif op.kind == "Affine":
        o.scale, o.shift = o.scale[y], o.shift[y]
    elif op.kind == "Binary" and o.constant is not None and o.constant.size > 1:
        o.constant = np.ascontiguousarray(o.constant.reshape(y.size, -1)[y].reshape(-1))
    elif op.kind == "Slice":
        o.channel_begin = int(x[: o.channel_begin].sum())


def _remove(graph: Graph, unit: int) -> Outcome:
    folded = fold_constants(graph)
    needed = needed_channels(graph, unit)
    removed = sum(int((~needed[op.output]).sum()) for op in graph.ops if op.kind in ("Conv", "Depthwise"))
    if all(mask.all() for mask in needed.values()):
        return Outcome(True) if folded else UNCHANGED
    for op in graph.ops:
        _cut(op, needed)
    for value, mask in needed.items():
        if mask.all():
            continue
        batch, _channels, height, width = value.shape
        value.type = value.type.with_shape((batch, int(mask.sum()), height, width))
    return Outcome(True, f"{count(removed, 'channel')} that are constant or not read removed")


def removing_dead_channels(unit: int) -> Pass:
    """The pass that removes channels `unit` at a time."""
    return Pass(
        "remove_dead_channels",
        lambda graph, _: _remove(graph, unit),
        ensures="no unit of channels is constant or unread but one of a value, and those of ports and at "
        "padded borders",
    )


REMOVE_DEAD_CHANNELS = removing_dead_channels(1)
