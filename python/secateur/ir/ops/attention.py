"""``softmax(scale q^T k + mask) v`` per head (Vaswani et al., 2017).

Features are channels, tokens positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secateur.ir.graph import Op
from secateur.ir.operator import Floats, Operator, require
from secateur.ir.options import AttentionOptions
from secateur.ir.softmax import softmax
from secateur.ir.types import TensorType


def rule(x: Sequence[TensorType], w: AttentionOptions, _: TensorType) -> TensorType:
    q, k, v = (t.shape for t in x)
    tokens_q, tokens_k = q[2] * q[3], k[2] * k[3]
    require(q[0] == k[0] == v[0] and q[1] == k[1], "q and k differ in batch or channels")
    require(tokens_k == v[2] * v[3], "k and v differ in tokens")
    require(q[1] % w.heads == 0 and v[1] % w.heads == 0, "channels are not divisible by the heads")
    pairs = (tokens_q, tokens_k)
    shapes = [pairs, (w.heads, *pairs), (q[0] * w.heads, *pairs)]
    require(w.mask is None or w.mask.shape in shapes, "the mask is not tokens x tokens, of all or of a head")
    return x[0].with_shape((q[0], v[1], q[2], q[3]))


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
)
