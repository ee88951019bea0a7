"""Attention: scaled_dot_product_attention, and the steps of softmax(q @ k^T) @ v."""

from __future__ import annotations

import math

import numpy as np
import torch

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import attention, binary, choose, integers, linear, scores
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Unsupported


@reads("scaled_dot_product_attention.default")
def scaled_dot_product_attention(b: Builder, a: Args) -> Tensor:
    if float(a.get("dropout_p") or 0) != 0:
        raise Unsupported("dropout: export the model in evaluation mode")
    scale, mask, some = a.get("scale"), a.get("attn_mask"), None
    if isinstance(mask, Tensor) and a.dtype("attn_mask") == torch.bool:
        some = reduce(b, mask, [-1], True, "max")  # a query without a key gets zeros
        mask = integers.added_mask(b, mask)
    q, k, v = a.tensor("query"), a.tensor("key"), a.tensor("value")
    if a.get("enable_gqa"):
        k, v = attention.repeat_heads(b, k, q.shape[-3]), attention.repeat_heads(b, v, q.shape[-3])
    y = attention.attend(
        b,
        q,
        k,
        v,
        1 / math.sqrt(q.shape[-1]) if scale is None else float(scale),
        mask,
        bool(a.get("is_causal")),
    )
    if some is None:
        return y
    kept = binary.combine(b, y, some, "mul")
    assert isinstance(kept, Tensor)
    return kept


@reads("baddbmm.default")
def baddbmm(b: Builder, a: Args) -> Scores | Tensor:
    product = linear.matmul(b, a.get("batch1"), a.get("batch2"))
    alpha, beta, added = float(a.get("alpha", 1)), float(a.get("beta", 1)), a.get("self")
    if alpha != 1:
        product = binary.combine(b, product, alpha, "mul")
    if beta == 0:
        return product
    if beta != 1:
        added = binary.combine(b, added, beta, "mul") if isinstance(added, Tensor) else added * beta
    return binary.combine(b, product, added, "add")


@reads("softmax.int", "_softmax.default", "_safe_softmax.default")
def softmax(b: Builder, a: Args) -> Tensor | Scores:
    return attention.softmax(b, a.tensor_or_scores("self"), int(a.get("dim")))


@reads("masked_fill.Scalar")
def masked_fill(b: Builder, a: Args) -> Scores | Tensor:
    x, mask, value = a.get("self"), a.get("mask"), float(a.get("value"))
    if isinstance(mask, Tensor):
        x = a.get("self") if isinstance(x, np.ndarray) else a.tensor("self")
        return integers.select(b, mask, value, x)
    if isinstance(x, Tensor):
        return choose.fill(b, x, a.const("mask"), np.float32(value))
    return scores.masked_fill(x, mask, value)


@reads("where.self", "where.ScalarOther", "where.ScalarSelf")
def where(b: Builder, a: Args) -> Tensor:
    condition = a.get("condition")
    x, y = (a.tensor(name) if a.computed(name) else a.get(name) for name in ("self", "other"))
    if isinstance(condition, Tensor):
        return integers.select(b, condition, x, y)
    return choose.choose(b, a.const("condition"), x, y)
