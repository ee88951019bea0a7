"""Attention: scaled_dot_product_attention, and the same written out as softmax(q @ k^T) @ v."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir import options as o
from secateur.ir.types import Array
from secateur.lowering import rows
from secateur.lowering.axes import Atom, Tensor, extent, merge, whole
from secateur.lowering.builder import Builder
from secateur.lowering.gather import gather
from secateur.lowering.scores import Scores, normalised
from secateur.lowering.unsupported import Unsupported, UnsupportedForm, UnsupportedLayout


def _split_heads(x: Tensor, what: str) -> int:
    """How many heads the leading dims hold, when x is [batch, heads..., tokens, features] in planes'
    order."""
    lead = merge(atom for dim in x.dims[:-2] for atom in dim)
    batch = [a for a in lead if a.axis == "B"]
    heads = [a for a in lead if a.axis == "C"]
    if len(batch) + len(heads) != len(lead) or extent(batch) != x.value.batch:
        raise UnsupportedLayout(f"{what} is not [batch, heads, tokens, features]")
    if list(lead) != [*batch, *heads]:
        raise UnsupportedLayout(f"{what} has its heads before its batch")
    if not x.is_whole(x.dims[-2], "P") or not x.is_whole((*heads, *x.dims[-1]), "C"):
        raise UnsupportedLayout(f"{what} is not [batch, heads, tokens, features]")
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
    b: Builder,
    q: Any,
    k: Any,
    v: Any,
    scale: float,
    mask: NDArray[Any] | Tensor | None = None,
    causal: bool = False,
) -> Tensor:
    """``softmax(scale q k^T + mask) v``: one Attention operator where planes hold its operands."""
    if isinstance(mask, Tensor):
        return _with_computed_mask(b, q, k, v, scale, mask, causal)
    added: NDArray[Any] | None = mask
    try:
        return _in_planes(b, q, k, v, scale, added, causal)
    except Unsupported:
        if not b.escape or not all(isinstance(x, Tensor) and x.rank >= 2 for x in (q, k, v)):
            raise
    if added is not None and added.dtype == np.bool_:
        added = np.where(added, np.float32(0), np.float32(-np.inf))
    if causal:
        triangle = _triangle(q, k)
        added = triangle if added is None else added + triangle
    scores = Scores(q, k, (*q.shape[:-1], k.shape[-2]), scale, added, True)
    return rows.product(b, rows.materialise(b, scores), v)


def _triangle(q: Tensor, k: Tensor) -> Array:
    return np.triu(np.full((q.shape[-2], k.shape[-2]), -np.inf, np.float32), 1)


def _with_computed_mask(
    b: Builder, q: Any, k: Any, v: Any, scale: float, mask: Tensor, causal: bool
) -> Tensor:
    """The steps one by one, on row-major tensors."""
    if not b.escape:
        raise UnsupportedLayout("a mask that is computed")
    constant = _triangle(q, k) if causal else None
    scores = Scores(q, k, (*q.shape[:-1], k.shape[-2]), scale, constant)
    masked = rows.broadcast(b, rows.materialise(b, scores), mask, "add")
    return rows.product(b, rows.softmax(b, masked, -1), v)


def repeat_heads(b: Builder, x: Any, heads: int) -> Tensor:
    """Each head of keys or values as often as there are queries for it."""
    if not isinstance(x, Tensor):
        raise Unsupported("attention with constant keys or values")
    dim, have = x.rank - 3, x.shape[-3]
    if heads == have:
        return x
    if heads % have:
        raise Unsupported(f"{heads} heads of queries for {have} of keys")
    index = np.repeat(np.arange(have), heads // have)
    if have > 1:
        return gather(b, x, dim, index)
    x = b.channels_in(x, [x.rank - 1], ordered=True)
    size = x.shape[-1]
    value = b.select_channels(x, np.tile(np.arange(size), heads))
    features = whole("C", size)
    return Tensor(value, (*x.dims[:dim], merge([Atom("C", heads, size)]), x.dims[-2], features))


def _in_planes(
    b: Builder, q: Any, k: Any, v: Any, scale: float, mask: NDArray[Any] | None, causal: bool
) -> Tensor:
    """One Attention operator; the result is laid out as q with v's features."""
    q, k, v = _place(b, q, "query"), _place(b, k, "key"), _place(b, v, "value")
    heads = {_split_heads(q, "the query"), _split_heads(k, "the key"), _split_heads(v, "the value")}
    if len(heads) != 1:
        raise UnsupportedForm("queries, keys and values with different numbers of heads")
    if q.value.channels != k.value.channels or k.value.positions != v.value.positions:
        raise UnsupportedForm("queries and keys of different sizes")
    options = o.AttentionOptions(
        heads=heads.pop(),
        scale=scale,
        causal=causal,
        mask=_mask(mask, q.shape[:-2], q.value.batch, q.value.positions, k.value.positions),
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


def _mask(
    mask: NDArray[Any] | None, lead: tuple[int, ...], batch: int, tokens_q: int, tokens_k: int
) -> Array | None:
    """Additive, [tokens of q][tokens of k], and in front of them the heads, or batch and heads, where it
    differs between them. A boolean one is true where a key takes part. lead: the query's leading sizes."""
    if mask is None:
        return None
    if mask.dtype == np.bool_:
        mask = np.where(mask, np.float32(0), np.float32(-np.inf))
    pairs = (tokens_q, tokens_k)
    flat = np.broadcast_to(mask, (*mask.shape[:-2], *pairs)).reshape(-1, *pairs)
    if not (flat != flat[:1]).any():
        return np.ascontiguousarray(flat[0], np.float32) if flat[0].any() else None
    each = np.broadcast_to(mask, (*lead, *pairs)).reshape(batch, -1, *pairs)
    same = not (each != each[:1]).any()
    return np.ascontiguousarray(each[0] if same else each.reshape(-1, *pairs), np.float32)


def weighted_sum(b: Builder, scores: Scores, v: Any) -> Tensor:
    """``softmax(...) @ v``"""
    if not scores.normalised:
        raise UnsupportedForm("a product of three computed tensors without a softmax")
    if b.escape and (not isinstance(v, Tensor) or scores.shape != (*scores.q.shape[:-1], scores.k.shape[-2])):
        return rows.product(b, rows.materialise(b, scores), v)
    return attend(b, scores.q, scores.k, v, scores.scale, scores.mask)


def softmax(b: Builder, x: Tensor | Scores, dim: int) -> Tensor | Scores:
    """Over one logical dimension; of scores, the step before ``@ v``."""
    if isinstance(x, Scores):
        try:
            return normalised(x, dim)
        except UnsupportedForm:
            x = rows.materialise(b, x)
    if x.row_major:
        return rows.softmax(b, x, dim)
    x = b.channels_in(x, [dim % x.rank])
    return b.like(x, "Softmax", o.SoftmaxOptions())
