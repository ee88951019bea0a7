"""Normalisations at inference."""

from __future__ import annotations

import numpy as np

from secateur.frontend.axes import Tensor, physical_index
from secateur.frontend.builder import Builder
from secateur.frontend.registry import Args, Unsupported, handles
from secateur.ir import options as o
from secateur.ir.types import Array


def _stored_order(parameter: Array, x: Tensor, dims: list[int]) -> Array:
    """A parameter per logical feature -> per channel as x stores them."""
    order = physical_index(atom for i in dims for atom in x.dims[i])
    out = np.empty(order.size, np.float32)
    out[order] = parameter.reshape(-1)
    return out


@handles("_native_batch_norm_legit_no_training.default", "batch_norm.default", "native_batch_norm.default")
def batch_norm(b: Builder, a: Args) -> Tensor | tuple[Tensor, None, None]:
    """``(x - mean) / sqrt(var + eps) * weight + bias``, as scale and shift, computed in float64."""
    if a.get("training") or a.get("train"):
        raise Unsupported("batch normalisation in training mode: call model.eval() before exporting")
    x = a.tensor("input")
    x = b.channels_in(x, [1])
    mean = b.constant(a.const("running_mean")).astype(np.float64)
    var = b.constant(a.const("running_var")).astype(np.float64)
    scale = 1 / np.sqrt(var + float(a.get("eps")))
    weight, bias = a.maybe_const("weight"), a.maybe_const("bias")
    if weight is not None:
        scale = scale * b.constant(weight)
    shift = -mean * scale
    if bias is not None:
        shift = shift + b.constant(bias)
    options = o.AffineOptions(
        _stored_order(scale.astype(np.float32), x, [1]), _stored_order(shift.astype(np.float32), x, [1])
    )
    y = b.like(x, "Affine", options)
    return y if a.target.startswith("batch_norm") else (y, None, None)


@handles("layer_norm.default", "native_layer_norm.default")
def layer_norm(b: Builder, a: Args) -> Tensor | tuple[Tensor, None, None]:
    x = a.tensor("input")
    count = len(a.ints("normalized_shape"))
    dims = list(range(x.rank - count, x.rank))
    x = b.channels_in(x, dims)
    gamma, beta = (
        None if p is None else _stored_order(b.constant(p), x, dims)
        for p in (a.maybe_const("weight"), a.maybe_const("bias"))
    )
    y = b.like(x, "LayerNorm", o.LayerNormOptions(gamma, beta, float(a.get("eps"))))
    return y if a.target.startswith("layer_norm") else (y, None, None)
