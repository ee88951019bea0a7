"""``softmax(scale q^T k + mask) v`` per head (Vaswani et al., 2017).

Features are channels, tokens positions. Of i8 the key that a query likes best weighs 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from secateur.ir import quantised as i8
from secateur.ir.graph import Op
from secateur.ir.operator import F32_OR_I8, IMAGES, Floats, Operator, require
from secateur.ir.options import AttentionOptions
from secateur.ir.softmax import softmax
from secateur.ir.types import Codes, DType, TensorType

# Of i8: sums of more keys, or of more channels of a head, could pass 2^31 - 1.
MOST_KEYS, MOST_HEAD_DIM = 33025, 16512
LOG2_E = 1.4426950408889634
# 255 * 2^f for |f| <= 1/2, off by 7.5e-5 of itself: Remez's polynomial, from the highest power.
POWERS = np.array([14.068775, 61.865837, 176.78156, 254.98166], np.float32)


def rule(x: Sequence[TensorType], w: AttentionOptions, out: TensorType) -> TensorType:
    q, k, v = (t.shape for t in x)
    tokens_q, tokens_k = q[2] * q[3], k[2] * k[3]
    require(q[0] == k[0] == v[0] and q[1] == k[1], "q and k differ in batch or channels")
    require(tokens_k == v[2] * v[3], "k and v differ in tokens")
    require(q[1] % w.heads == 0 and v[1] % w.heads == 0, "channels are not divisible by the heads")
    pairs = (tokens_q, tokens_k)
    shapes = [pairs, (w.heads, *pairs), (q[0] * w.heads, *pairs)]
    require(w.mask is None or w.mask.shape in shapes, "the mask is not tokens x tokens, of all or of a head")
    if x[0].dtype is DType.I8:
        reason = no_i8(q, k, v, w)
        require(not reason, f"i8: {reason}")
    return x[0].made((q[0], v[1], q[2], q[3]), out)


def no_i8(q: Sequence[int], k: Sequence[int], v: Sequence[int], o: AttentionOptions) -> str:
    """Why attention of those shapes has no i8 form; "" where it has."""
    if o.mask is not None:
        return "attention with a mask has no i8 form"
    if q[1] // o.heads % 4 or v[1] // o.heads % 4:
        return "attention has an i8 form where a head's channels are a multiple of 4"
    if k[2] * k[3] > MOST_KEYS or q[1] // o.heads > MOST_HEAD_DIM:
        return "int32 sums over so many tokens could overflow"
    return "" if o.scale > 0 else "attention with a scale that is not positive has no i8 form"


def definition(inputs: Sequence[Floats], o: AttentionOptions, _: TensorType) -> Floats:
    q, k, v = inputs

    def heads(x: Floats) -> Floats:  # [B, heads, head_dim, tokens]
        return x.reshape(x.shape[0], o.heads, x.shape[1] // o.heads, -1)

    scores = np.einsum("bhdq,bhdk->bhqk", heads(q), heads(k)) * q.dtype.type(o.scale)
    if o.mask is not None:
        items = len(o.mask) // o.heads if o.mask.ndim == 3 else 1
        scores = scores + o.mask.astype(q.dtype).reshape(items, -1, *scores.shape[2:])
    if o.causal:
        scores = np.where(np.tril(np.ones(scores.shape[2:], bool)), scores, -np.inf)
    y = np.einsum("bhqk,bhdk->bhdq", softmax(scores, axis=3), heads(v))
    return np.asarray(y.reshape(q.shape[0], v.shape[1], *q.shape[2:]))


def exact(op: Op, inputs: Sequence[Codes]) -> Codes:
    """i8: exact scores; weights in bytes, relative to the largest; the exact weighted sum, rescaled once."""
    o, x, y = op.options, [value.type for value in op.inputs], op.output.type

    def heads(codes: np.ndarray[Any, Any]) -> Floats:  # [B, heads, head_dim, tokens]
        return codes.reshape(codes.shape[0], o.heads, codes.shape[1] // o.heads, -1).astype(np.float64)

    # What k's zero point would add is the same for all keys of a query.
    scores = np.einsum("bhdq,bhdk->bhqk", heads(i8.centred(inputs[0], x[0])), heads(inputs[1]))
    if o.causal:
        scores = np.where(np.tril(np.ones(scores.shape[2:], bool)), scores, -np.inf)
    less = scores - scores.max(axis=3, keepdims=True)
    z = less.astype(np.float32) * i8.factor([x[0].scale, x[1].scale, np.float32(o.scale), LOG2_E], [])
    weights = np.where(np.isinf(less), 0, _bytes(z))
    sums = np.einsum("bhqk,bhdk->bhdq", weights, heads(i8.centred(inputs[2], x[2])))
    total = weights.sum(axis=3)[:, :, None, :].astype(np.float32)
    mean = i8.factor([x[2].scale], [y.scale]) / total
    return i8.to_code(i8.real(sums) * mean, y).reshape(y.shape)


def _bytes(z: Floats) -> Floats:
    """``rint(255 * 2^z)``, z <= 0: each f32 step rounded once."""
    z = np.maximum(z, np.float32(-16))
    n = np.rint(z)
    f = z - n
    t = np.full_like(f, POWERS[0])
    for c in POWERS[1:]:
        t = t * f + c
    assert t.dtype == np.float32
    return np.asarray(np.rint(np.ldexp(t, n.astype(np.int32))), np.float64)


def terms(op: Op) -> int:
    return op.inputs[0].channels // int(op.options.heads) + op.inputs[1].positions


def macs(op: Op) -> int:
    q, k, v = op.inputs
    return q.batch * q.positions * k.positions * (q.channels + v.channels)


OPERATOR = Operator(
    "Attention",
    AttentionOptions,
    arity=(3, 3),
    rule=rule,
    definition=definition,
    terms=terms,
    macs=macs,
    fuses_activation=False,
    dtypes=F32_OR_I8,
    layouts=IMAGES,
    exact=exact,
)
