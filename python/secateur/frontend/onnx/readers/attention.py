"""Softmax and attention."""

from __future__ import annotations

import math

import numpy as np

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import attention, integers, shape, statistics
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Unsupported


@reads("Softmax")
def softmax(b: Builder, a: Args) -> Tensor | Scores:
    x = a.tensor_or_scores()
    rank = len(x.shape)
    if a.opset >= 13:
        return attention.softmax(b, x, a.integer("axis", -1))
    axis = a.integer("axis", 1) % rank
    if math.prod(x.shape[axis + 1 :]) == 1 or axis == rank - 1:
        return attention.softmax(b, x, axis)
    return _over_rest(b, a.tensor(), axis, False)


@reads("LogSoftmax")
def log_softmax(b: Builder, a: Args) -> Tensor:
    x = a.floats()
    if a.opset >= 13:
        return _logarithmic(b, x, a.integer("axis", -1))
    axis = a.integer("axis", 1) % x.rank
    if math.prod(x.shape[axis + 1 :]) == 1:
        return _logarithmic(b, x, axis)
    return _over_rest(b, x, axis, True)


def _logarithmic(b: Builder, x: Tensor, axis: int) -> Tensor:
    y = attention.softmax(b, x, axis)
    assert isinstance(y, Tensor)
    return statistics.log_softmax(b, x, axis, y)


def _over_rest(b: Builder, x: Tensor, axis: int, logarithm: bool) -> Tensor:
    """Before opset 13: over this axis and all behind it together."""
    flat = shape.reshape_tensor(b, x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])
    y = _logarithmic(b, flat, 1) if logarithm else attention.softmax(b, flat, 1)
    assert isinstance(y, Tensor)
    return shape.reshape_tensor(b, y, list(x.shape))


@reads("Attention")
def attention_(b: Builder, a: Args) -> Tensor:
    """Queries, keys and values as [batch, heads, tokens, features], or with heads and features in one."""
    if a.has(4) or a.has(5) or a.has(6) or any(a.outputs[1:]):
        raise Unsupported("attention with past keys and values, or more than its first output")
    if a.number("softcap", 0) != 0:
        raise Unsupported("attention with a soft cap")
    q, k, v = (a.floats(i) for i in range(3))
    flat = q.rank == 3
    if flat:
        own, others = a.integer("q_num_heads"), a.integer("kv_num_heads")
        q, k, v = _heads(b, q, own), _heads(b, k, others), _heads(b, v, others)
    heads = q.shape[1]
    if k.shape[1] != heads:
        k, v = attention.repeat_heads(b, k, heads), attention.repeat_heads(b, v, heads)
    scale = a.number("scale", 1 / math.sqrt(q.shape[-1]))
    mask = a.raw(3)
    if isinstance(mask, Tensor):
        mask = integers.added_mask(b, a.floats(3)) if a.dtype(3) == np.bool_ else a.floats(3)
    if isinstance(mask, np.ndarray) and mask.dtype != np.bool_:
        mask = a.const(3)
    if isinstance(mask, np.ndarray) and mask.shape[-1] < k.shape[-2]:
        absent = False if mask.dtype == np.bool_ else -np.inf
        more = [(0, 0)] * (mask.ndim - 1) + [(0, k.shape[-2] - mask.shape[-1])]
        mask = np.pad(mask, more, constant_values=absent)
    y = attention.attend(b, q, k, v, scale, mask, bool(a.integer("is_causal")))
    if not flat:
        return y
    y = shape.permute(y, [0, 2, 1, 3])
    return shape.reshape_tensor(b, y, [y.shape[0], y.shape[1], y.shape[2] * y.shape[3]])


def _heads(b: Builder, x: Tensor, heads: int) -> Tensor:
    n, tokens, features = x.shape
    return shape.permute(shape.reshape_tensor(b, x, [n, tokens, heads, features // heads]), [0, 2, 1, 3])
