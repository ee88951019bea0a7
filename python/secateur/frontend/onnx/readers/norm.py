"""Normalisations."""

from __future__ import annotations

import math

import numpy as np

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import binary, linear, norm, power, shape, statistics
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce
from secateur.lowering.unsupported import Unsupported


@reads("BatchNormalization")
def batch_norm(b: Builder, a: Args) -> Tensor:
    if a.integer("training_mode"):
        raise Unsupported("batch normalisation in training mode: export the network in evaluation mode")
    scale, bias, mean, var = (a.const(i) for i in range(1, 5))
    return norm.batch_norm(b, a.floats(), mean, var, scale, bias, a.number("epsilon", 1e-5))


@reads("LayerNormalization")
def layer_norm(b: Builder, a: Args) -> tuple[Tensor, ...]:
    """The result; the mean and the inverse deviation where they are read."""
    x = a.floats()
    axis = a.integer("axis", -1) % x.rank
    epsilon = a.number("epsilon", 1e-5)
    features = x.shape[axis:]
    scale, bias = (
        np.ascontiguousarray(np.broadcast_to(a.const(i), features)) if a.has(i) else None for i in (1, 2)
    )
    y = norm.layer_norm(b, x, x.rank - axis, scale, bias, epsilon)
    if not any(a.outputs[1:]):
        return (y,)
    dims = list(range(axis, x.rank))
    spread = b.binary_constant(statistics.variance(b, x, dims, True, 0), "add", binary.number(epsilon))
    return y, reduce(b, x, dims, True, "mean"), b.unary(spread, "rsqrt")


@reads("RMSNormalization")
def rms_norm(b: Builder, a: Args) -> Tensor:
    x = a.floats()
    axis = a.integer("axis", -1) % x.rank
    scale = np.ascontiguousarray(np.broadcast_to(a.const(1), x.shape[axis:]))
    return statistics.rms_norm(b, x, x.rank - axis, scale, a.number("epsilon", 1e-5))


@reads("InstanceNormalization")
def instance_norm(b: Builder, a: Args) -> Tensor:
    x = a.floats()
    return statistics.group_norm(b, x, x.shape[1], a.const(1), a.const(2), a.number("epsilon", 1e-5))


@reads("GroupNormalization")
def group_norm(b: Builder, a: Args) -> Tensor:
    """The factors are each a group's in opset 18, each a channel's from 21 on."""
    x, groups = a.floats(), a.integer("num_groups")
    each = x.shape[1] // groups if a.opset < 21 else 1
    scale, bias = (np.repeat(a.const(i), each) for i in (1, 2))
    return statistics.group_norm(b, x, groups, scale, bias, a.number("epsilon", 1e-5))


@reads("LRN")
def local_response_norm(b: Builder, a: Args) -> Tensor:
    """``x / (bias + alpha / size * sum of squares of the channels around)^beta``"""
    x, size = a.floats(), a.integer("size")
    channels, before = x.shape[1], (size - 1) // 2
    near = np.arange(channels)[None, :] - np.arange(channels)[:, None] + before
    band = np.where((near >= 0) & (near < size), np.float32(a.number("alpha", 1e-4) / size), np.float32(0))
    squares = binary.two_tensors(b, x, x, "mul")
    shift = np.full(channels, a.number("bias", 1), np.float32)
    total = linear.contract(b, squares, 1, band.astype(np.float32), shift)
    return binary.two_tensors(b, x, power.power(b, total, -a.number("beta", 0.75)), "mul")


@reads("LpNormalization")
def lp_norm(b: Builder, a: Args) -> Tensor:
    x = a.floats()
    norms = statistics.vector_norm(b, x, a.number("p", 2), [a.integer("axis", -1)], True)
    # Where the norm is 0, so is x: any divisor will do.
    return binary.two_tensors(b, x, b.unary(norms, "clamp", 1e-30, math.inf), "div")


@reads("MeanVarianceNormalization")
def mean_variance_norm(b: Builder, a: Args) -> Tensor:
    """The deviation from the mean, by the standard deviation and a little."""
    x, axes = a.floats(), a.ints("axes", (0, 2, 3)) or []
    off = binary.two_tensors(b, x, reduce(b, x, axes, True, "mean"), "sub")
    spread = b.unary(reduce(b, binary.two_tensors(b, off, off, "mul"), axes, True, "mean"), "sqrt")
    return binary.two_tensors(b, off, b.binary_constant(spread, "add", binary.number(1e-9)), "div")


@reads("Dropout")
def dropout(b: Builder, a: Args) -> Tensor:
    if a.has(2) and bool(a.const(2)) and (not a.has(1) or float(a.const(1)) != 0):
        raise Unsupported("dropout in training mode: export the network in evaluation mode")
    return shape.reshape_tensor(b, a.tensor(), list(a.tensor().shape))
