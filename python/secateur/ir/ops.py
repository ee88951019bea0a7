"""One row per operator: its options, arity, shape rule, the kernels that run it and its test.

A test compares the table with the `Options` union of csrc/format/model.fbs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from secateur.ir import options as o
from secateur.ir import reference
from secateur.ir.graph import Op, Shape

# The shapes of the inputs and the options -> the shape of the output; None where the output value itself
# says it (Slice, Pad: their file form has no end).
ShapeRule = Callable[[Sequence[Shape], Any], Shape | None]


class ShapeRuleError(ValueError):
    """Inputs that an operator cannot take; the verifier adds where."""


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise ShapeRuleError(text)


def window_extent(size: int, kernel: int, stride: int, dilation: int, pad: int) -> int:
    """Rows (or columns) of output of a sliding window."""
    return (size + pad - dilation * (kernel - 1) - 1) // stride + 1


def _window(x: Shape, w: o.WindowOptions) -> tuple[int, int]:
    height = window_extent(x[2], w.kernel_h, w.stride_h, w.dilation_h, w.pad_top + w.pad_bottom)
    width = window_extent(x[3], w.kernel_w, w.stride_w, w.dilation_w, w.pad_left + w.pad_right)
    _require(height > 0 and width > 0, "the window is larger than its padded input")
    return height, width


def _conv(x: Sequence[Shape], w: o.ConvOptions) -> Shape:
    rows, cols = w.weight.shape
    taps = w.kernel_h * w.kernel_w
    _require(rows % w.groups == 0 and x[0][1] % w.groups == 0, "channels are not divisible by the groups")
    _require(cols == x[0][1] // w.groups * taps, "the weight has another number of columns than its input")
    _require(w.bias is None or w.bias.shape == (rows,), "the bias has another length than the rows")
    y = (x[0][0], rows, *_window(x[0], w))
    _require(len(x) == 1 or same_planes(x[1], y), "the residual has another shape than the output")
    return y


def _depthwise(x: Sequence[Shape], w: o.DepthwiseOptions) -> Shape:
    channels = x[0][1]
    _require(w.weight.shape == (channels, w.kernel_h, w.kernel_w), "one filter per channel is needed")
    _require(w.bias is None or w.bias.shape == (channels,), "the bias has another length than the channels")
    return (x[0][0], channels, *_window(x[0], w))


def _pool(x: Sequence[Shape], w: o.PoolOptions) -> Shape:
    _require(w.dilation_h == w.dilation_w == 1, "pooling has no dilation")
    _require(
        max(w.pad_top, w.pad_bottom) < w.kernel_h and max(w.pad_left, w.pad_right) < w.kernel_w,
        "a pooling window lies in the padding",
    )
    return (*x[0][:2], *_window(x[0], w))


def same_planes(a: Shape, b: Shape) -> bool:
    """The same planes, whatever their rows and columns are called."""
    return a[:2] == b[:2] and a[2] * a[3] == b[2] * b[3]


def _binary(x: Sequence[Shape], w: o.BinaryOptions) -> Shape:
    a = x[0]
    _require((len(x) == 1) == (w.constant is not None), "either a second input or a constant")
    if w.constant is not None:
        sizes = (1, a[1], a[1] * a[2] * a[3])
        _require(
            w.constant.ndim == 1 and w.constant.size in sizes, "the constant has another size than its input"
        )
    else:
        per_channel = x[1][1:] == (a[1], 1, 1) and x[1][0] in (1, a[0])
        _require(same_planes(x[1], a) or per_channel, "the second input has another shape")
    return a


def _concat(x: Sequence[Shape], _: o.ConcatOptions) -> Shape:
    positions = x[0][2] * x[0][3]
    _require(all(s[0] == x[0][0] and s[2] * s[3] == positions for s in x), "only channels may differ")
    return x[0][0], sum(s[1] for s in x), x[0][2], x[0][3]


def _layer_norm(x: Sequence[Shape], w: o.LayerNormOptions) -> Shape:
    _require(
        all(p is None or p.shape == (x[0][1],) for p in (w.gamma, w.beta)), "gamma and beta are per channel"
    )
    return x[0]


def _attention(x: Sequence[Shape], w: o.AttentionOptions) -> Shape:
    q, k, v = x
    tokens_q, tokens_k = q[2] * q[3], k[2] * k[3]
    _require(q[0] == k[0] == v[0] and q[1] == k[1], "q and k differ in batch or channels")
    _require(tokens_k == v[2] * v[3], "k and v differ in tokens")
    _require(q[1] % w.heads == 0 and v[1] % w.heads == 0, "channels are not divisible by the heads")
    _require(w.mask is None or w.mask.shape == (tokens_q, tokens_k), "the mask is not tokens x tokens")
    return q[0], v[1], q[2], q[3]


def _same(x: Sequence[Shape], _: Any) -> Shape:
    return x[0]


def _unknown(x: Sequence[Shape], _: Any) -> None:
    return None


@dataclass(frozen=True)
class Operator:
    """A row of the table."""

    kind: str
    options: type[o.Options]
    arity: tuple[int, int]  # least and most inputs
    shape: ShapeRule
    kernels: str  # the family under csrc/kernels or the operator under csrc/ops
    fuses_activation: bool = True
    in_file: bool = True  # False: of the compiler only
    in_place: int | None = None  # the input whose memory the output may take


_ROWS = (
    Operator("Conv", o.ConvOptions, (1, 2), _conv, "spmm, spmv, gemm, conv", in_place=1),
    Operator("Depthwise", o.DepthwiseOptions, (1, 1), _depthwise, "depthwise"),
    Operator("Pool", o.PoolOptions, (1, 1), _pool, "pool"),
    Operator("GlobalPool", o.GlobalPoolOptions, (1, 1), lambda x, _: (*x[0][:2], 1, 1), "pool"),
    Operator("Binary", o.BinaryOptions, (1, 2), _binary, "elementwise", in_place=0),
    # Unary may give its positions other rows and columns: how a grid becomes a row of tokens.
    Operator("Unary", o.UnaryOptions, (1, 1), _unknown, "elementwise", in_place=0),
    Operator("Concat", o.ConcatOptions, (1, 1 << 16), _concat, "copy"),
    Operator("Slice", o.SliceOptions, (1, 1), _unknown, "copy"),
    Operator("Pad", o.PadOptions, (1, 1), _unknown, "copy"),
    Operator("LayerNorm", o.LayerNormOptions, (1, 1), _layer_norm, "norm"),
    Operator("Softmax", o.SoftmaxOptions, (1, 1), _same, "norm", fuses_activation=False),
    Operator("Attention", o.AttentionOptions, (3, 3), _attention, "attention", fuses_activation=False),
    Operator(
        "Flatten",
        o.FlattenOptions,
        (1, 1),
        lambda x, _: (x[0][0], x[0][1] * x[0][2] * x[0][3], 1, 1),
        "copy",
        fuses_activation=False,
    ),
    Operator(
        "Transpose",
        o.TransposeOptions,
        (1, 1),
        lambda x, _: (x[0][0], x[0][2] * x[0][3], 1, x[0][1]),
        "copy",
        fuses_activation=False,
    ),
    Operator("Affine", o.AffineOptions, (1, 1), _same, "-", in_file=False),
)
OPERATORS: dict[str, Operator] = {row.kind: row for row in _ROWS}

__all__ = ["OPERATORS", "Operator", "ShapeRuleError", "macs", "reference", "same_planes", "window_extent"]


def macs(op: Op) -> int:
    """Multiply-adds of a dense run of the operator (0 where it has no weights)."""
    y = op.output
    if op.kind == "Conv":
        return y.batch * y.positions * int(op.options.weight.size)
    if op.kind == "Depthwise":
        return y.batch * y.positions * int(op.options.weight.size)
    if op.kind == "Attention":
        q, k, v = op.inputs
        return q.batch * q.positions * k.positions * (q.channels + v.channels)
    return 0
