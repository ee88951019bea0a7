"""Attention: scaled_dot_product_attention, and the same written out as softmax(q @ k^T) @ v."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch

from secateur.frontend.axes import Atom, Tensor, extent, merge, whole
from secateur.frontend.builder import LAYOUT_HINT, Builder
from secateur.frontend.registry import Args, Scores, Unsupported, handles
from secateur.ir import options as o
from secateur.ir.types import Array


def _split_heads(x: Tensor, what: str) -> int:
    """How many heads the leading dims hold, when x is [batch, heads..., tokens, features] in planes'
    order."""
    lead = merge(atom for dim in x.dims[:-2] for atom in dim)
    batch = [a for a in lead if a.axis == "B"]
    heads = [a for a in lead if a.axis == "C"]
    if len(batch) + len(heads) != len(lead) or extent(batch) != x.value.batch:
        raise Unsupported(f"{LAYOUT_HINT}: {what} is not [batch, heads, tokens, features]")
    if list(lead) != [*batch, *heads]:
        raise Unsupported(f"{LAYOUT_HINT}: {what} has its heads before its batch")
    if not x.is_whole(x.dims[-2], "P") or not x.is_whole((*heads, *x.dims[-1]), "C"):
        raise Unsupported(f"{LAYOUT_HINT}: {what} is not [batch, heads, tokens, features]")
    return extent(heads)


def _place(b: Builder, x: Any, what: str) -> Tensor:
    """Features on channels and tokens on positions."""
    if not isinstance(x, Tensor):
        raise Unsupported(f"attention with a constant {what}")
    if x.rank < 2:
        raise Unsupported(f"attention over a {x.rank}-dimensional {what}")
    features, tokens = x.dims[-1], x.dims[-2]
    swapped = any(a.axis == "P" for a in features) or any(a.axis == "C" for a in tokens)
    return b.channels_in(x, [x.rank - 1]) if swapped else x


def attend(
    b: Builder, q: Any, k: Any, v: Any, scale: float, mask: torch.Tensor | None = None, causal: bool = False
) -> Tensor:
    """One Attention operator; the result is laid out as q with v's features."""
    q, k, v = _place(b, q, "query"), _place(b, k, "key"), _place(b, v, "value")
    heads = {_split_heads(q, "the query"), _split_heads(k, "the key"), _split_heads(v, "the value")}
    if len(heads) != 1:
        raise Unsupported("queries, keys and values with different numbers of heads")
    if q.value.channels != k.value.channels or k.value.positions != v.value.positions:
        raise Unsupported("queries and keys of different sizes")
    options = o.AttentionOptions(
        heads=heads.pop(),
        scale=scale,
        causal=causal,
        mask=_mask(b, mask, q.value.positions, k.value.positions),
    )
    x = q.value
    value = b.emit(
        "Attention", [x, k.value, v.value], (x.batch, v.value.channels, x.height, x.width), options
    )
    size = v.shape[-1]
    old = q.shape[-1]
    lead = tuple(
        merge(Atom(a.axis, a.size, a.stride // old * size) if a.axis == "C" else a for a in dim)
        for dim in q.dims[:-2]
    )
    return Tensor(value, (*lead, q.dims[-2], whole("C", size)))


def _mask(b: Builder, mask: torch.Tensor | None, tokens_q: int, tokens_k: int) -> Array | None:
    if mask is None:
        return None
    if mask.dtype == torch.bool:  # True = takes part
        mask = torch.zeros(mask.shape).masked_fill(~mask, -math.inf)
    whole_mask = (
        mask.expand(*mask.shape[:-2], tokens_q, tokens_k)
        if mask.dim() >= 2
        else mask.expand(tokens_q, tokens_k)
    )
    flat = whole_mask.reshape(-1, tokens_q, tokens_k)
    if flat.shape[0] > 1 and not torch.equal(flat, flat[:1].expand_as(flat)):
        raise Unsupported("a mask that differs between heads or batch items")
    return None if not flat[0].any() else np.ascontiguousarray(b.constant(flat[0]))


@handles("scaled_dot_product_attention.default")
def scaled_dot_product_attention(b: Builder, a: Args) -> Tensor:
    if float(a.get("dropout_p") or 0) != 0:
        raise Unsupported("dropout: export the model in evaluation mode")
    if a.get("enable_gqa"):
        raise Unsupported("grouped queries (enable_gqa)")
    scale = a.get("scale")
    q = a.tensor("query")
    return attend(
        b,
        q,
        a.get("key"),
        a.get("value"),
        1 / math.sqrt(q.shape[-1]) if scale is None else float(scale),
        a.maybe_const("attn_mask"),
        bool(a.get("is_causal")),
    )


# --- written out ---------------------------------------------------------------------------------------


def product(left: Any, right: Any) -> Scores:
    """``q @ k^T`` of two computed tensors."""
    if (
        not isinstance(left, Tensor)
        or not isinstance(right, Tensor)
        or left.rank != right.rank
        or left.rank < 2
    ):
        raise Unsupported("a product of two computed tensors is taken in softmax(q @ k^T) @ v only")
    k = right.with_dims((*right.dims[:-2], right.dims[-1], right.dims[-2]))
    return Scores(left, k, (*left.shape[:-1], right.shape[-1]))


def weighted_sum(b: Builder, scores: Scores, v: Any) -> Tensor:
    """``softmax(...) @ v``"""
    if not scores.normalised:
        raise Unsupported("a product of three computed tensors without a softmax")
    return attend(b, scores.q, scores.k, v, scores.scale, scores.mask)


def scaled(scores: Scores, factor: float) -> Scores:
    if scores.normalised:
        raise Unsupported("attention weights changed after their softmax")
    mask = None if scores.mask is None else scores.mask * factor
    return dataclasses.replace(scores, scale=scores.scale * factor, mask=mask)


def masked(scores: Scores, mask: torch.Tensor) -> Scores:
    if scores.normalised:
        raise Unsupported("attention weights changed after their softmax")
    total = mask if scores.mask is None else scores.mask + mask
    return dataclasses.replace(scores, mask=total)


@handles("baddbmm.default")
def baddbmm(b: Builder, a: Args) -> Scores:
    scores = scaled(product(a.get("batch1"), a.get("batch2")), float(a.get("alpha", 1)))
    return masked(scores, a.const("self") * a.get("beta", 1))


@handles("softmax.int", "_softmax.default", "_safe_softmax.default")
def softmax(b: Builder, a: Args) -> Tensor | Scores:
    x, dim = a.get("self"), int(a.get("dim"))
    if isinstance(x, Scores):
        if dim % len(x.shape) != len(x.shape) - 1 or x.normalised:
            raise Unsupported("a softmax over the queries")
        return dataclasses.replace(x, normalised=True)
    x = b.channels_in(a.tensor("self"), [dim % x.rank])
    return b.like(x, "Softmax", o.SoftmaxOptions())


@handles("masked_fill.Scalar")
def masked_fill(b: Builder, a: Args) -> Scores:
    x = a.get("self")
    if not isinstance(x, Scores) or float(a.get("value")) > -1e4:
        raise Unsupported("masked_fill is taken on attention scores with a large negative value only")
    mask = a.const("mask")
    return masked(x, torch.zeros(mask.shape).masked_fill(mask, -math.inf))
