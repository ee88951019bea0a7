"""Every operator in plain NumPy: its definition, for tests and for finding the layer that is off.

Arrays are ``[batch, channels, height, width]``; the arithmetic is done in the dtype of the inputs, so float64
inputs give a yardstick for float32 kernels. Written to be read, not to be fast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir.graph import Activation, Graph, Op
from secateur.ir.options import (
    AffineOptions,
    AttentionOptions,
    BinaryOptions,
    ConvOptions,
    DepthwiseOptions,
    GlobalPoolOptions,
    LayerNormOptions,
    PadOptions,
    PoolOptions,
    SliceOptions,
    WindowOptions,
)

Floats = NDArray[Any]
_erf = np.vectorize(math.erf, otypes=[np.float64])


def activate(x: Floats, activation: Activation) -> Floats:
    """The activation functions of format/model.fbs; NaN stays NaN."""
    return np.asarray(_activate(x, activation))


def _activate(x: Floats, activation: Activation) -> Any:
    kind, a, b = activation.kind, activation.a, activation.b
    with np.errstate(over="ignore", invalid="ignore"):
        if kind == "none":
            return x
        if kind == "relu":
            return np.maximum(x, 0)
        if kind == "clamp":
            return np.minimum(np.maximum(x, a), b)
        if kind == "leaky_relu":
            return np.where(x < 0, x * x.dtype.type(a), x)
        if kind == "hard_swish":
            return x * np.clip(x + 3, 0, 6) / 6
        if kind == "hard_sigmoid":
            return np.clip(x + 3, 0, 6) / 6
        if kind == "sigmoid":
            return 1 / (1 + np.exp(-x))
        if kind == "silu":
            return x / (1 + np.exp(-x))
        if kind == "tanh":
            return np.tanh(x)
        if kind == "gelu":
            return x * (0.5 * (1 + _erf(x / math.sqrt(2)))).astype(x.dtype)
        if kind == "gelu_tanh":
            return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    raise ValueError(f"unknown activation {kind!r}")


def _windows(x: Floats, w: WindowOptions, fill: float) -> Floats:
    """[B, C, out_h, out_w, kernel_h, kernel_w] view of the padded planes."""
    x = np.pad(
        x,
        ((0, 0), (0, 0), (w.pad_top, w.pad_bottom), (w.pad_left, w.pad_right)),
        constant_values=fill,
    )
    extent = (w.dilation_h * (w.kernel_h - 1) + 1, w.dilation_w * (w.kernel_w - 1) + 1)
    views = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(2, 3))
    return views[:, :, :: w.stride_h, :: w.stride_w, :: w.dilation_h, :: w.dilation_w]


def conv(inputs: Sequence[Floats], o: ConvOptions) -> Floats:
    x = inputs[0]
    batch, channels = x.shape[:2]
    views = _windows(x, o, 0.0)
    out_h, out_w = views.shape[2:4]
    columns = views.transpose(0, 1, 4, 5, 2, 3).reshape(batch, o.groups, -1, out_h * out_w)
    weight = o.weight.astype(x.dtype).reshape(o.groups, -1, o.weight.shape[1])
    y = np.matmul(weight, columns).reshape(batch, -1, out_h, out_w)
    assert channels * o.kernel_h * o.kernel_w == o.groups * o.weight.shape[1]
    if o.bias is not None:
        y = y + o.bias.astype(x.dtype)[:, None, None]
    return np.asarray(y + inputs[1].reshape(y.shape) if len(inputs) > 1 else y)


def depthwise(inputs: Sequence[Floats], o: DepthwiseOptions) -> Floats:
    x = inputs[0]
    y: Floats = np.einsum("bcijrs,crs->bcij", _windows(x, o, 0.0), o.weight.astype(x.dtype))
    return y if o.bias is None else y + o.bias.astype(x.dtype)[:, None, None]


def pool(inputs: Sequence[Floats], o: PoolOptions) -> Floats:
    x = inputs[0]
    if o.kind == "max":
        return np.asarray(_windows(x, o, -np.inf).max(axis=(4, 5)))
    total = _windows(x, o, 0.0).sum(axis=(4, 5))
    if o.kind == "average_counting_pad":
        return np.asarray(total / (o.kernel_h * o.kernel_w))
    count = _windows(np.ones_like(x[:1, :1]), o, 0.0).sum(axis=(4, 5))
    return np.asarray(total / count)


def global_pool(inputs: Sequence[Floats], o: GlobalPoolOptions) -> Floats:
    x = inputs[0]
    if o.kind == "max":
        return np.asarray(x.max(axis=(2, 3), keepdims=True))
    total = x.sum(axis=(2, 3), keepdims=True)
    return np.asarray(total if o.kind == "sum" else total / (x.shape[2] * x.shape[3]))


def binary(inputs: Sequence[Floats], o: BinaryOptions) -> Floats:
    a = inputs[0]
    if o.constant is not None:
        b: Floats = o.constant.astype(a.dtype)
        if b.size == a.shape[1] and b.size != 1:
            b = b.reshape(1, -1, 1, 1)
        elif b.size != 1:
            b = b.reshape(1, *a.shape[1:])
    else:
        b = inputs[1] if inputs[1].shape[2:] == (1, 1) else inputs[1].reshape(a.shape)
    if o.reversed:
        a, b = b, a
    with np.errstate(divide="ignore", invalid="ignore"):
        table = {
            "add": np.add,
            "sub": np.subtract,
            "mul": np.multiply,
            "div": np.divide,
            "max": np.maximum,
            "min": np.minimum,
        }
        return np.asarray(table[o.kind](a, b))


def unary(inputs: Sequence[Floats], _: object) -> Floats:
    return inputs[0]


def concat(inputs: Sequence[Floats], _: object) -> Floats:
    return np.concatenate([x.reshape(*x.shape[:2], *inputs[0].shape[2:]) for x in inputs], axis=1)


def slice_(inputs: Sequence[Floats], o: SliceOptions, shape: tuple[int, ...]) -> Floats:
    _, channels, height, width = shape
    rows = slice(o.row_begin, o.row_begin + (height - 1) * o.row_step + 1, o.row_step)
    cols = slice(o.col_begin, o.col_begin + (width - 1) * o.col_step + 1, o.col_step)
    return inputs[0][:, o.channel_begin : o.channel_begin + channels, rows, cols]


def pad(inputs: Sequence[Floats], o: PadOptions, shape: tuple[int, ...]) -> Floats:
    x = inputs[0]
    y = np.full(shape, o.value, x.dtype)
    _, c, h, w = x.shape
    y[:, o.channel_before : o.channel_before + c, o.top : o.top + h, o.left : o.left + w] = x
    return y


def layer_norm(inputs: Sequence[Floats], o: LayerNormOptions) -> Floats:
    x = inputs[0]
    mean = x.mean(axis=1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    y = (x - mean) / np.sqrt(variance + x.dtype.type(o.epsilon))
    if o.gamma is not None:
        y = y * o.gamma.astype(x.dtype)[:, None, None]
    return np.asarray(y if o.beta is None else y + o.beta.astype(x.dtype)[:, None, None])


def softmax(inputs: Sequence[Floats], _: object, axis: int = 1) -> Floats:
    e = np.exp(inputs[0] - inputs[0].max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def attention(inputs: Sequence[Floats], o: AttentionOptions) -> Floats:
    q, k, v = inputs

    def heads(x: Floats) -> Floats:  # [B, heads, head_dim, tokens]
        return x.reshape(x.shape[0], o.heads, x.shape[1] // o.heads, -1)

    scores = np.einsum("bhdq,bhdk->bhqk", heads(q), heads(k)) * q.dtype.type(o.scale)
    if o.mask is not None:
        scores = scores + o.mask.astype(q.dtype)
    if o.causal:
        scores = np.where(np.tril(np.ones(scores.shape[2:], bool)), scores, -np.inf)
    y = np.einsum("bhqk,bhdk->bhdq", softmax([scores], None, axis=3), heads(v))
    return np.asarray(y.reshape(q.shape[0], v.shape[1], *q.shape[2:]))


def flatten(inputs: Sequence[Floats], _: object) -> Floats:
    return inputs[0].reshape(inputs[0].shape[0], -1, 1, 1)


def transpose(inputs: Sequence[Floats], _: object) -> Floats:
    batch, channels = inputs[0].shape[:2]
    return np.ascontiguousarray(inputs[0].reshape(batch, channels, 1, -1).transpose(0, 3, 2, 1))


def affine(inputs: Sequence[Floats], o: AffineOptions) -> Floats:
    dtype = inputs[0].dtype
    return np.asarray(inputs[0] * o.scale.astype(dtype)[:, None, None] + o.shift.astype(dtype)[:, None, None])


_FUNCTIONS: dict[str, Any] = {
    "Conv": conv,
    "Depthwise": depthwise,
    "Pool": pool,
    "GlobalPool": global_pool,
    "Binary": binary,
    "Unary": unary,
    "Concat": concat,
    "Slice": slice_,
    "Pad": pad,
    "LayerNorm": layer_norm,
    "Softmax": softmax,
    "Attention": attention,
    "Flatten": flatten,
    "Transpose": transpose,
    "Affine": affine,
}


def run_op(op: Op, inputs: Sequence[Floats]) -> Floats:
    """The result of one operator, activation included."""
    function = _FUNCTIONS[op.kind]
    if op.kind in ("Slice", "Pad"):
        return activate(function(inputs, op.options, op.output.shape), op.activation)
    return activate(function(inputs, op.options), op.activation).reshape(op.output.shape)


def to_planes(x: Floats, shape: tuple[int, ...], order: str) -> Floats:
    """A user's array -> planes of that shape."""
    batch, channels, height, width = shape
    if order == "channels_last":
        return np.ascontiguousarray(x.reshape(batch, height * width, channels).transpose(0, 2, 1)).reshape(
            shape
        )
    return x.reshape(shape)


def from_planes(x: Floats, shape: tuple[int, ...], order: str) -> Floats:
    """Planes -> the user's array."""
    if order == "channels_last":
        batch, channels = x.shape[:2]
        x = x.reshape(batch, channels, -1).transpose(0, 2, 1)
    return np.ascontiguousarray(x.reshape(shape))


def run_graph(graph: Graph, inputs: Sequence[Floats]) -> tuple[list[Floats], dict[str, Floats]]:
    """Outputs in the user's order, and every value by name.

    >>> import numpy as np
    >>> from secateur.ir.graph import Port, Value
    >>> from secateur.ir.options import UnaryOptions
    >>> x, y = Value("x", (1, 2, 1, 1)), Value("y", (1, 2, 1, 1))
    >>> op = Op("Unary", "relu", [x], y, UnaryOptions(), Activation("relu"))
    >>> g = Graph("g", [Port("x", x, (1, 2))], [Port("y", y, (1, 2))], [op])
    >>> run_graph(g, [np.array([[-1.0, 2.0]], np.float32)])[0][0].tolist()
    [[0.0, 2.0]]
    """
    values: dict[str, Floats] = {}
    for port, x in zip(graph.inputs, inputs, strict=True):
        values[port.value.name] = to_planes(x, port.value.shape, port.order)
    for op in graph.ops:
        values[op.output.name] = run_op(op, [values[v.name] for v in op.inputs])
    return [from_planes(values[p.value.name], p.shape, p.order) for p in graph.outputs], values
