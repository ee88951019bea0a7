"""Folds scales and shifts per channel into the convolution beside them.

An affine operator is a batch normalisation, or Binary add, sub, mul, div by a constant that is one number
or one per channel. ``s * (W x + b) + t = (s W) x + (s b + t)``, computed in float64.

1. Conv or Depthwise, then affine                   -> the convolution with other weights
2. affine, then Conv without padding                -> ``W (s x + t) + b = (W s) x + (W t + b)``
3. affine, then affine                              -> one affine
4. Binary by a full constant, twice (add or mul)    -> once
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secateur.ir import Graph, Layout, Op
from secateur.ir.options import AffineOptions, ConvOptions, DepthwiseOptions
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import Core

Double = NDArray[np.float64]


def as_affine(op: Op) -> tuple[Double, Double] | None:
    """(scale, shift) per channel of an operator that is affine; its activation is not looked at."""
    if op.output.type.layout is not Layout.PLANES:
        return None
    channels = op.output.channels
    if op.kind == "Affine":
        return op.options.scale.astype(np.float64), op.options.shift.astype(np.float64)
    if op.kind != "Binary" or op.options.constant is None:
        return None
    constant = op.options.constant.astype(np.float64)
    if constant.size not in (1, channels):
        return None
    c = np.broadcast_to(constant, (channels,))
    one, zero = np.ones(channels), np.zeros(channels)
    kind, reverse = op.options.kind, op.options.reversed
    if kind == "add":
        return one, c
    if kind == "sub":
        return (-one, c) if reverse else (one, -c)
    if kind == "mul":
        return c, zero
    if kind == "div" and not reverse and np.all(c != 0):
        return 1 / c, zero
    return None


def _single(array: Double) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, np.float32)


def _finite(*arrays: Double) -> bool:
    return all(bool(np.isfinite(a).all()) for a in arrays)


def _into_producer(first: Op, scale: Double, shift: Double) -> None:
    o = first.options
    shape = (-1,) + (1,) * (o.weight.ndim - 1)
    bias = 0.0 if o.bias is None else o.bias.astype(np.float64)
    o.weight = _single(o.weight.astype(np.float64) * scale.reshape(shape))
    o.bias = _single(bias * scale + shift)


def _into_consumer(conv: Op, scale: Double, shift: Double) -> None:
    o = conv.options
    taps = o.kernel_h * o.kernel_w
    weight = o.weight.astype(np.float64)
    per_column = np.repeat(scale.reshape(o.groups, -1), taps, axis=1)  # [groups, cols]
    shifts = np.repeat(shift.reshape(o.groups, -1), taps, axis=1)
    rows = weight.reshape(o.groups, -1, weight.shape[1])
    extra = np.einsum("grc,gc->gr", rows, shifts).reshape(-1)
    o.weight = _single((rows * per_column[:, None, :]).reshape(weight.shape))
    o.bias = _single(extra + (0.0 if o.bias is None else o.bias.astype(np.float64)))


def _fold_full_constants(first: Op, op: Op) -> bool:
    """Rule 4; `op` takes both constants."""
    a, b = first.options.constant, op.options.constant
    if (
        op.output.type.layout is not Layout.PLANES
        or a is None
        or b is None
        or first.options.kind != op.options.kind
        or op.options.kind not in ("add", "mul")
    ):
        return False
    shape = (op.output.channels, op.output.positions)

    def full(c: NDArray[np.float32]) -> Double:
        grid = c.reshape(shape) if c.size == shape[0] * shape[1] else c.reshape(-1, 1)
        return np.broadcast_to(grid, shape).astype(np.float64)

    both = full(a) + full(b) if op.options.kind == "add" else full(a) * full(b)
    op.options.constant = _single(both.reshape(-1))
    op.inputs = [first.inputs[0]]
    return True


def run(graph: Graph, _: Core) -> Outcome:
    into_conv = merged = 0
    changed = True
    while changed:
        changed = False
        uses, producers = graph.uses(), graph.producers()
        for op in graph.ops:
            affine = as_affine(op)
            first = producers.get(op.inputs[0])
            alone = first is not None and graph.sole_use(first.output, uses) is op and not first.activation
            if alone and first is not None and affine is not None:
                if isinstance(first.options, (ConvOptions, DepthwiseOptions)) and len(first.inputs) == 1:
                    if not _finite(*affine):
                        continue
                    _into_producer(first, *affine)
                    first.activation = op.activation
                    graph.replace_uses(op.output, first.output)
                    graph.remove([op])
                    into_conv += 1
                    changed = True
                    break
                before = as_affine(first)
                if before is not None:
                    scale, shift = before[0] * affine[0], before[1] * affine[0] + affine[1]
                    op.kind, op.inputs = "Affine", [first.inputs[0]]
                    op.options = AffineOptions(_single(scale), _single(shift))
                    graph.remove([first])
                    merged += 1
                    changed = True
                    break
            both = alone and first is not None and op.kind == first.kind == "Binary"
            if both and first is not None and _fold_full_constants(first, op):
                graph.remove([first])
                merged += 1
                changed = True
                break
            reader = graph.sole_use(op.output, uses)
            if affine is None or op.activation or reader is None or reader.kind != "Conv":
                continue
            if reader.inputs[0] is op.output and len(reader.inputs) == 1 and not any(reader.options.pads):
                _into_consumer(reader, *affine)
                reader.inputs = [op.inputs[0]]
                graph.remove([op])
                into_conv += 1
                changed = True
                break
    if not into_conv and not merged:
        return UNCHANGED
    parts = []
    if into_conv:
        parts.append(
            f"{count(into_conv, 'scale')} of batch normalisations and the like folded into convolutions"
        )
    if merged:
        parts.append(f"{count(merged, 'pair')} of them merged")
    return Outcome(True, " and ".join(parts))


def lower(graph: Graph, _: Core) -> Outcome:
    """What could not be folded runs as a depthwise 1x1 convolution."""
    found = [op for op in graph.ops if op.kind == "Affine"]
    for op in found:
        weight = np.ascontiguousarray(op.options.scale.reshape(-1, 1, 1))
        op.kind, op.options = "Depthwise", DepthwiseOptions(weight=weight, bias=op.options.shift)
    if not found:
        return UNCHANGED
    return Outcome(
        True, f"{count(len(found), 'normalisation')} stand alone and run as depthwise 1x1 convolutions"
    )


FOLD_AFFINE = Pass(
    "fold_batch_norm", run, ensures="no affine operator stands after a convolution that only it reads"
)
LOWER_AFFINE = Pass(
    "lower_batch_norm", lower, requires="fold_batch_norm", ensures="no Affine operator is left"
)
