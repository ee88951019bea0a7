"""Cross-layer equalisation (Nagel et al., 2019): channels between two layers are scaled so that both spread
their weights alike. The network computes the same; a tensor's one scale, and each row's, waste fewer
steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secateur.ir import Graph, Op, Value

Double = NDArray[np.float64]
# A channel is scaled by at most this much either way.
MOST = 32.0


def pairs(graph: Graph) -> list[tuple[Op, Op]]:
    """Layers one after the other with nothing between that scaling would change: no activation, or relu."""
    uses = graph.uses()
    found = []
    for op in graph.ops:
        if op.kind not in ("Conv", "Depthwise") or op.activation.kind not in ("none", "relu"):
            continue
        reader = graph.sole_use(op.output, uses)
        if reader is None or reader.kind not in ("Conv", "Depthwise") or reader.inputs[0] is not op.output:
            continue
        residual = len(op.inputs) > 1 or op.output in reader.inputs[1:]
        if not residual and (reader.kind == "Depthwise" or reader.options.groups == 1):
            found.append((op, reader))
    return found


def _in_of(op: Op, channels: int) -> NDArray[np.float32]:
    """The weight of the second layer as [channel between][what reads it]."""
    weight = op.options.weight
    if op.kind == "Depthwise":
        return np.asarray(weight.reshape(channels, -1))
    taps = op.options.kernel_h * op.options.kernel_w
    return np.asarray(weight.reshape(len(weight), channels, taps).transpose(1, 0, 2).reshape(channels, -1))


def factors_for(first: Op, second: Op) -> Double | None:
    """What each channel between is divided by; None where nothing would change."""
    channels = first.output.channels
    out = np.abs(first.options.weight.reshape(channels, -1)).max(axis=1).astype(np.float64)
    inner = np.abs(_in_of(second, channels)).max(axis=1).astype(np.float64)
    live = (out > 0) & (inner > 0)
    factors = np.ones(channels)
    factors[live] = np.clip(np.sqrt(out[live] / inner[live]), 1 / MOST, MOST)
    # Powers of two leave every product what it was, to the bit.
    factors = np.exp2(np.rint(np.log2(factors)))
    return None if bool(np.all(factors == 1)) else factors


def equalise_pair(first: Op, second: Op, factors: Double) -> None:
    """``(W1 / f, b1 / f), (W2 * f)`` along the channels between, in place."""
    o = first.options
    o.weight = np.ascontiguousarray(o.weight / factors.reshape(-1, *(1,) * (o.weight.ndim - 1)), np.float32)
    if o.bias is not None:
        o.bias = np.ascontiguousarray(o.bias / factors, np.float32)
    w = second.options
    if second.kind == "Depthwise":
        w.weight = np.ascontiguousarray(w.weight * factors[:, None, None], np.float32)
        return
    columns = np.repeat(factors, w.kernel_h * w.kernel_w)
    w.weight = np.ascontiguousarray(w.weight * columns, np.float32)


def equalise(graph: Graph) -> list[tuple[str, str, list[float]]]:
    """Every pair, in place; what was done, for the description."""
    done = []
    seen: set[Value] = set()
    for first, second in pairs(graph):
        factors = factors_for(first, second)
        if factors is None or first.output in seen:
            continue
        seen.add(first.output)
        equalise_pair(first, second, factors)
        done.append((first.name, second.name, [float(f) for f in factors]))
    return done
