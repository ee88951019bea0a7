"""Normalisations at inference."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import norm
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


@reads("_native_batch_norm_legit_no_training.default", "batch_norm.default", "native_batch_norm.default")
def batch_norm(b: Builder, a: Args) -> Tensor | tuple[Tensor, None, None]:
    if a.get("training") or a.get("train"):
        raise Unsupported("batch normalisation in training mode: call model.eval() before exporting")
    y = norm.batch_norm(
        b,
        a.tensor("input"),
        a.const("running_mean"),
        a.const("running_var"),
        a.maybe_const("weight"),
        a.maybe_const("bias"),
        float(a.get("eps")),
    )
    return y if a.target.startswith("batch_norm") else (y, None, None)


@reads("layer_norm.default", "native_layer_norm.default")
def layer_norm(b: Builder, a: Args) -> Tensor | tuple[Tensor, None, None]:
    count = len(a.ints("normalized_shape"))
    weight, bias = a.maybe_const("weight"), a.maybe_const("bias")
    y = norm.layer_norm(b, a.tensor("input"), count, weight, bias, float(a.get("eps")))
    return y if a.target.startswith("layer_norm") else (y, None, None)
