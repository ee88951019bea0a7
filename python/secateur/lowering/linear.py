"""Linear layers and products with a constant matrix: 1x1 convolutions over the channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur.ir import options as o
from secateur.ir.types import Array
from secateur.lowering import rows
from secateur.lowering.attention import weighted_sum
from secateur.lowering.axes import Tensor, physical_index, whole
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores, product
from secateur.lowering.unsupported import Unsupported, UnsupportedForm, UnsupportedLayout


def contract(b: Builder, x: Tensor, dim: int, weight: Array, bias: Array | None) -> Tensor:
    """``y[..., o, ...] = sum_i weight[o, i] x[..., i, ...] + bias[o]`` over one logical dim."""
    dim %= x.rank
    x = b.channels_in(x, [dim])
    order = physical_index(x.dims[dim])
    if weight.shape[1] != x.value.channels:
        raise UnsupportedLayout()
    if np.any(order != np.arange(order.size)):
        permuted = np.empty_like(weight)
        permuted[:, order] = weight
        weight = permuted
    v = x.value
    options = o.ConvOptions(weight=np.ascontiguousarray(weight), bias=bias)
    b.note_weight(weight)
    value = b.emit("Conv", [v], (v.batch, weight.shape[0], v.height, v.width), options)
    return Tensor(value, x.dims).replace(dim, whole("C", weight.shape[0]))


def affine_product(b: Builder, bias: Array, x: Tensor, matrix: Array, alpha: float, beta: float) -> Tensor:
    """``beta * bias + alpha * (x @ matrix)`` with a constant bias and matrix."""
    weight = np.ascontiguousarray(matrix.T)
    if bias.ndim <= 1:
        bias = np.broadcast_to(bias, (weight.shape[0],))
    if bias.ndim != 1:
        raise Unsupported("a bias that differs from row to row")
    return contract(b, x, -1, weight * np.float32(alpha), np.ascontiguousarray(bias) * np.float32(beta))


def matmul(b: Builder, left: Any, right: Any) -> Tensor | Scores:
    """``left @ right``, each computed or constant; a product of two computed ones stays symbolic."""
    if isinstance(right, Scores) and b.escape:
        right = rows.materialise(b, right)
    if isinstance(left, Scores) and not left.normalised and b.escape:
        left = rows.materialise(b, left)
    if isinstance(left, Scores):
        return weighted_sum(b, left, right)
    if isinstance(left, Tensor) and isinstance(right, np.ndarray):
        if right.ndim == 1:
            out = contract(b, left, -1, right.reshape(1, -1), None)
            return out.with_dims(out.dims[:-1])
        return contract(b, left, -1, np.ascontiguousarray(_single(right).T), None)
    if isinstance(left, np.ndarray) and isinstance(right, Tensor):
        if right.rank < 2:
            raise Unsupported("a product with a vector")
        return contract(b, right, -2, _single(left), None)
    try:
        return product(left, right)
    except UnsupportedForm:
        if not b.escape or not isinstance(left, Tensor) or not isinstance(right, Tensor):
            raise
        return rows.product(b, left, right)


def _single(matrix: Array) -> Array:
    """One matrix of a batch of equal ones (an expanded constant)."""
    flat = matrix.reshape(-1, *matrix.shape[-2:])
    if (flat != flat[:1]).any():
        raise Unsupported("a product with a different constant matrix per batch item")
    first: Array = flat[0]
    return first
