"""Linear layers and products with a constant matrix: 1x1 convolutions over the channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur.ir import options as o
from secateur.ir import shapes
from secateur.ir.types import Array
from secateur.lowering import rows
from secateur.lowering.attention import weighted_sum
from secateur.lowering.axes import Atom, Dim, Tensor, physical_index, whole
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores, product
from secateur.lowering.shape import reshape_tensor
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
        if left.rank == 1:
            out = matmul_by_constant(b, left.with_dims(((), *left.dims)), -1, right.swapaxes(-1, -2))
            return out.with_dims((*out.dims[:-2], out.dims[-1]))
        return matmul_by_constant(b, left, -1, right.swapaxes(-1, -2))
    if isinstance(left, np.ndarray) and isinstance(right, Tensor):
        if right.rank == 1:
            return matmul(b, right, left.swapaxes(-1, -2) if left.ndim > 1 else left)
        if left.ndim == 1:
            out = contract(b, right, -2, left.reshape(1, -1), None)
            return out.with_dims((*out.dims[:-2], out.dims[-1]))
        return matmul_by_constant(b, right, -2, left)
    try:
        return product(left, right)
    except UnsupportedForm:
        if not b.escape or not isinstance(left, Tensor) or not isinstance(right, Tensor):
            raise
        return rows.product(b, left, right)


def matmul_by_constant(b: Builder, x: Tensor, dim: int, matrices: Array) -> Tensor:
    """``y[..., o, ...] = sum_i matrices[..., o, i] x[..., i, ...]``; dim: -1 or -2, of `x`.

    The dimensions before the last two broadcast. One matrix is a linear layer; matrices that differ along
    some of these dimensions are one convolution with a group for each.
    """
    lead = matrices.ndim - 2
    if lead > x.rank - 2:
        x = x.with_dims(((),) * (lead + 2 - x.rank) + x.dims)
    matrices = matrices.reshape((1,) * (x.rank - 2 - lead) + matrices.shape)
    if shapes.broadcast(x.shape[:-2], matrices.shape[:-2]) is None:
        raise Unsupported(f"a product of {x.shape} with constants of shape {matrices.shape}")
    for d in range(x.rank - 2):  # equal ones are one
        first = matrices.take([0], d)
        if x.shape[d] == matrices.shape[d] and (matrices == first).all():
            matrices = first
    enlarged = [d for d in range(x.rank - 2) if matrices.shape[d] > x.shape[d]]
    grouped = [d for d in range(x.rank - 2) if d not in enlarged and matrices.shape[d] > 1]
    rest = [d for d in range(x.rank - 2) if d not in (*enlarged, *grouped)]
    order = [*rest, *grouped, *enlarged, x.rank - 2, x.rank - 1]
    weight = matrices.transpose(order).reshape(
        *(matrices.shape[d] for d in grouped), -1, matrices.shape[-1]
    )  # [groups..., enlarged x o, i]
    if not grouped:
        y = contract(b, x, dim, np.ascontiguousarray(weight), None)
    else:
        y = _by_groups(b, x, grouped, dim % x.rank, weight)
    if not enlarged:
        return y
    sizes = [matrices.shape[d] for d in (*enlarged, x.rank - 2)]
    at = dim % x.rank
    parts = reshape_tensor(b, y, [*y.shape[:at], *sizes, *y.shape[at + 1 :]])
    dims = list(parts.dims)
    made, kept = dims[at : at + len(sizes)], [*dims[:at], dims[at + len(sizes) - 1], *dims[at + len(sizes) :]]
    for d, new in zip(enlarged, made, strict=False):
        kept[d] = new
    return parts.with_dims(kept)


def _by_groups(b: Builder, x: Tensor, lead: list[int], dim: int, weight: Array) -> Tensor:
    """A matrix for each place in the dimensions `lead`: their sizes come first in `weight`."""
    rows, columns = weight.shape[-2:]
    others = [d for d in range(x.rank) if d not in (*lead, dim)]
    order = [*others, *lead, dim]
    x = x.with_dims(x.dims[d] for d in order)
    channels = range(len(others), x.rank)
    x = b.channels_in(x, channels, ordered=True)
    groups = int(np.prod(weight.shape[:-2]))
    matrix = np.ascontiguousarray(weight.reshape(groups * rows, columns))
    b.note_weight(matrix)
    v = x.value
    options = o.ConvOptions(weight=matrix, groups=groups)
    value = b.emit("Conv", [v], (v.batch, groups * rows, v.height, v.width), options)
    made: list[Dim] = []
    stride = rows
    for size in reversed(weight.shape[:-2]):
        made.append((Atom("C", size, stride),))
        stride *= size
    dims = [*x.dims[: len(others)], *reversed(made), whole("C", rows)]
    y = Tensor(value, tuple(dims))
    return y.with_dims(y.dims[order.index(d)] for d in range(y.rank))
