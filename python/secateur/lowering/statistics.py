"""Norms, moments and what is divided by them, made of sums that planes have."""

from __future__ import annotations

import math

import numpy as np

from secateur.ir import options as o
from secateur.ir.types import Array
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, number, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.integers import truth
from secateur.lowering.power import power
from secateur.lowering.reduce import reduce
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported


def _binary(b: Builder, x: Tensor, y: Tensor | Array | float, kind: str) -> Tensor:
    result = combine(b, x, y, kind)
    assert isinstance(result, Tensor)
    return result


def vector_norm(b: Builder, x: Tensor, order: float, dims: list[int], keepdim: bool) -> Tensor:
    """``(sum |x|^order)^(1 / order)`` over any dimensions; of order infinity the largest size, of minus
    infinity the least, of 0 how many are not 0."""
    if order == 2:
        return b.unary(reduce(b, two_tensors(b, x, x, "mul"), dims, keepdim, "sum"), "sqrt")
    if order == 1:
        return reduce(b, b.unary(x, "abs"), dims, keepdim, "sum")
    if order == math.inf:
        return reduce(b, b.unary(x, "abs"), dims, keepdim, "max")
    if order == -math.inf:
        return reduce(b, b.unary(x, "abs"), dims, keepdim, "min")
    if order == 0:
        return reduce(b, truth(b, x, whole=False), dims, keepdim, "sum")
    return power(b, reduce(b, power(b, b.unary(x, "abs"), order), dims, keepdim, "sum"), 1 / order)


def variance(b: Builder, x: Tensor, dims: list[int], keepdim: bool, correction: float) -> Tensor:
    """The mean square distance from the mean, times n / (n - correction)."""
    dims = sorted(d % x.rank for d in dims) if dims else list(range(x.rank))
    count = math.prod(x.shape[d] for d in dims)
    if count <= correction:
        raise Unsupported(f"a variance of {count} elements with a correction of {correction:g}")
    off = _binary(b, x, reduce(b, x, dims, True, "mean"), "sub")
    y = reduce(b, two_tensors(b, off, off, "mul"), dims, keepdim, "mean")
    return y if correction == 0 else b.binary_constant(y, "mul", number(count / (count - correction)))


def rms_norm(b: Builder, x: Tensor, count: int, weight: Array | None, epsilon: float) -> Tensor:
    """``x / sqrt(mean(x^2) + epsilon) * weight`` over the last `count` dimensions together."""
    dims = list(range(x.rank - count, x.rank))
    mean = reduce(b, two_tensors(b, x, x, "mul"), dims, True, "mean")
    scale = b.unary(b.binary_constant(mean, "add", number(epsilon)), "rsqrt")
    y = two_tensors(b, x, scale, "mul")
    return y if weight is None else _binary(b, y, weight, "mul")


def group_norm(
    b: Builder, x: Tensor, groups: int, weight: Array | None, bias: Array | None, epsilon: float
) -> Tensor:
    """Each group of channels (dimension 1), with all its positions, to mean 0 and variance 1 in each batch
    item; then scaled and shifted by channel. One group a channel is instance normalisation."""
    x = b.channels_in(x, [1], ordered=True)
    off = two_tensors(b, x, _group_mean(b, x, groups), "sub")
    variance = _group_mean(b, two_tensors(b, off, off, "mul"), groups)
    scale = b.unary(b.binary_constant(variance, "add", number(epsilon)), "rsqrt")
    by_channel = (-1, *[1] * (x.rank - 2))
    if weight is not None:
        scale = _binary(b, scale, weight.reshape(by_channel), "mul")
    y = two_tensors(b, off, scale, "mul")
    return y if bias is None else _binary(b, y, bias.reshape(by_channel), "add")


def _group_mean(b: Builder, x: Tensor, groups: int) -> Tensor:
    """The mean of a channel's group, for every channel."""
    y = reduce(b, x, list(range(2, x.rank)), True, "mean") if x.rank > 2 else x
    channels = x.shape[1]
    if groups == channels:
        return y
    v, size = y.value, channels // groups
    if y.row_major:
        mean = reduce(b, reshape_tensor(b, y, [-1, groups, size]), [2], True, "mean")
        same = _binary(b, mean, np.ones((1, 1, size), np.float32), "mul")
        return reshape_tensor(b, same, list(y.shape))
    options = o.ConvOptions(weight=np.full((channels, size), 1 / size, np.float32), groups=groups)
    return Tensor(b.emit("Conv", [v], v.shape, options), y.dims)


def batch_norm(b: Builder, x: Tensor, weight: Array | None, bias: Array | None, epsilon: float) -> Tensor:
    """Each channel (dimension 1) to mean 0 and variance 1 over the batch and all positions: of what keeps no
    statistics; then scaled and shifted by channel."""
    dims = [0, *range(2, x.rank)]
    off = two_tensors(b, x, reduce(b, x, dims, True, "mean"), "sub")
    scale = reduce(b, two_tensors(b, off, off, "mul"), dims, True, "mean")
    scale = b.unary(b.binary_constant(scale, "add", number(epsilon)), "rsqrt")
    by_channel = (1, -1, *[1] * (x.rank - 2))
    if weight is not None:
        scale = _binary(b, scale, weight.reshape(by_channel), "mul")
    y = two_tensors(b, off, scale, "mul")
    return y if bias is None else _binary(b, y, bias.reshape(by_channel), "add")


def log_sum_exp_over(b: Builder, x: Tensor, dims: list[int], keepdim: bool) -> Tensor:
    """``ln(sum(e^x))`` over any dimensions: of what is left of each after the largest is taken away."""
    most = reduce(b, x, dims, True, "max")
    rest = reduce(b, b.unary(two_tensors(b, x, most, "sub"), "exp"), dims, True, "sum")
    y = two_tensors(b, b.unary(rest, "log"), most, "add")
    gone = {d % x.rank for d in dims} or set(range(x.rank))
    return y if keepdim else y.with_dims(dim for d, dim in enumerate(y.dims) if d not in gone)


def log_sum_exp(b: Builder, x: Tensor, dim: int, keepdim: bool, softmax: Tensor) -> Tensor:
    """``ln(sum(e^x))`` along a dimension, by its softmax s: x - ln s is the same for every element, and its
    mean weighted by s takes it from those that are not small."""
    logarithm = b.unary(b.unary(softmax, "clamp", 1e-30, math.inf), "log")
    each = two_tensors(b, softmax, two_tensors(b, x, logarithm, "sub"), "mul")
    return reduce(b, each, [dim], keepdim, "sum")


def log_softmax(b: Builder, x: Tensor, dim: int, softmax: Tensor) -> Tensor:
    return two_tensors(b, x, log_sum_exp(b, x, dim, True, softmax), "sub")


def cosine(b: Builder, x: Tensor, y: Tensor, dim: int, epsilon: float) -> Tensor:
    """``x y / (max(|x|, epsilon) max(|y|, epsilon))`` along a dimension."""
    product = reduce(b, two_tensors(b, x, y, "mul"), [dim], False, "sum")
    for z in (x, y):
        norm = b.unary(vector_norm(b, z, 2, [dim], False), "clamp", epsilon, math.inf)
        product = two_tensors(b, product, norm, "div")
    return product
