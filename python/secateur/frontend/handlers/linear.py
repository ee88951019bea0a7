"""Linear layers and products with a constant matrix: 1x1 convolutions over the channels."""

from __future__ import annotations

import numpy as np
import torch

from secateur.frontend.axes import Tensor
from secateur.frontend.builder import Builder
from secateur.frontend.handlers.attention import product, weighted_sum
from secateur.frontend.registry import Args, Scores, Unsupported, handles
from secateur.ir.types import Array


def _rows(b: Builder, weight: torch.Tensor) -> Array:
    """[in, out] -> [out, in]"""
    return np.ascontiguousarray(b.constant(weight).T)


@handles("linear.default")
def linear(b: Builder, a: Args) -> Tensor:
    bias = a.maybe_const("bias")
    weight = b.constant(a.const("weight"))
    return b.contract(a.tensor("input"), -1, weight, None if bias is None else b.constant(bias))


@handles("addmm.default")
def addmm(b: Builder, a: Args) -> Tensor:
    """``beta * self + alpha * (mat1 @ mat2)`` with constant self and mat2."""
    bias, weight = a.const("self"), _rows(b, a.const("mat2"))
    bias = torch.broadcast_to(bias, (weight.shape[0],)) if bias.dim() <= 1 else bias
    if bias.dim() != 1:
        raise Unsupported("a bias that differs from row to row")
    alpha, beta = np.float32(a.get("alpha", 1)), np.float32(a.get("beta", 1))
    return b.contract(a.tensor("mat1"), -1, weight * alpha, b.constant(bias) * beta)


@handles("mm.default", "matmul.default", "bmm.default")
def matmul(b: Builder, a: Args) -> Tensor | Scores:
    left = a.get("self")
    right = a.get("mat2", a.get("other"))
    if isinstance(left, Scores):
        return weighted_sum(b, left, right)
    if isinstance(left, Tensor) and isinstance(right, torch.Tensor):
        if right.dim() == 1:
            out = b.contract(left, -1, b.constant(right).reshape(1, -1), None)
            return out.with_dims(out.dims[:-1])
        matrix = _single(right)
        return b.contract(left, -1, _rows(b, matrix), None)
    if isinstance(left, torch.Tensor) and isinstance(right, Tensor):
        if right.rank < 2:
            raise Unsupported("a product with a vector")
        return b.contract(right, -2, b.constant(_single(left)), None)
    return product(left, right)


def _single(matrix: torch.Tensor) -> torch.Tensor:
    """One matrix of a batch of equal ones (an expanded constant)."""
    flat = matrix.reshape(-1, *matrix.shape[-2:])
    if flat.shape[0] > 1 and not torch.equal(flat, flat[:1].expand_as(flat)):
        raise Unsupported("a product with a different constant matrix per batch item")
    return flat[0]
