"""Normalisations at inference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secateur.ir import options as o
from secateur.ir.types import Array
from secateur.lowering.axes import Tensor, physical_index
from secateur.lowering.builder import Builder


def _stored_order(parameter: Array | NDArray[np.float64], x: Tensor, dims: list[int]) -> Array:
    """A parameter per logical feature -> per channel as x stores them."""
    order = physical_index(atom for i in dims for atom in x.dims[i])
    out = np.empty(order.size, np.float32)
    out[order] = parameter.reshape(-1)
    return out


def batch_norm(
    b: Builder, x: Tensor, mean: Array, var: Array, weight: Array | None, bias: Array | None, epsilon: float
) -> Tensor:
    """``(x - mean) / sqrt(var + epsilon) * weight + bias``, as scale and shift, computed in float64."""
    x = b.channels_in(x, [1])
    scale = 1 / np.sqrt(var.astype(np.float64) + epsilon)
    if weight is not None:
        scale = scale * weight
    shift = -mean.astype(np.float64) * scale
    if bias is not None:
        shift = shift + bias
    return b.like(x, "Affine", o.AffineOptions(_stored_order(scale, x, [1]), _stored_order(shift, x, [1])))


def layer_norm(
    b: Builder, x: Tensor, count: int, weight: Array | None, bias: Array | None, epsilon: float
) -> Tensor:
    """Over the last `count` dimensions together."""
    dims = list(range(x.rank - count, x.rank))
    x = b.channels_in(x, dims)
    gamma, beta = (None if p is None else _stored_order(p, x, dims) for p in (weight, bias))
    return b.like(x, "LayerNorm", o.LayerNormOptions(gamma, beta, epsilon))
