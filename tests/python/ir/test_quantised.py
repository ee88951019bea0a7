"""The definitions of i8 against plain loops over integers and single f32 steps."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from secateur.ir import Activation, DType, Graph, Layout, Op, Port, TensorType, Value, planes, verify
from secateur.ir import options as o
from secateur.ir import quantised as i8
from secateur.ir.activation import activate
from secateur.ir.reference import run_graph, run_op
from secateur.ir.types import Codes, quantised
from secateur.ir.verify import GraphError

F = np.float32
RNG = np.random.default_rng(5)


def f32(number: float) -> np.float32:
    """A scale that a file can hold."""
    return F(number)


def typed(shape: tuple[int, ...], scale: float, zero: int) -> TensorType:
    return quantised(shape, float(f32(scale)), zero)


def codes(shape: tuple[int, ...], least: int = -128, most: int = 127) -> Codes:
    return RNG.integers(least, most + 1, shape).astype(np.int8)


def op_of(kind: str, inputs: list[TensorType], y: TensorType, options: Any, act: str = "none") -> Op:
    values = [Value(f"x{i}", t) for i, t in enumerate(inputs)]
    return Op(kind, "op", values, Value("y", y), options, Activation(act, -0.9, 1.7) if act != "none" else
              Activation())  # fmt: skip


def check(op: Op, final: bool = True) -> None:
    ports = [Port(v.name, v, v.shape) for v in op.inputs]
    verify(Graph("g", ports, [Port("y", op.output, op.output.shape)], [op]), final=final)


def last(t: np.float32, op: Op) -> int:
    """Rounded and saturated, one element."""
    y, z = op.output.type, op.output.type.zero_point
    low, high = -128, 127
    if op.activation.kind == "relu":
        low = max(low, z)
    if op.activation.kind == "clamp":
        low = max(low, z + round(float(op.activation.a) / y.scale))
        high = min(high, z + round(float(op.activation.b) / y.scale))
    t = max(min(t, F(high - z)), F(low - z))
    return round(float(t)) + z  # Python rounds halves to even


def looped_conv(op: Op, x: Codes, residual: Codes | None) -> Codes:
    w, xt, yt = op.options, op.inputs[0].type, op.output.type
    y = np.zeros(op.output.shape, np.int8)
    depthwise = op.kind == "Depthwise"
    channels = x.shape[1]
    per_group = 1 if depthwise else channels // w.groups
    rows_per_group = 1 if depthwise else len(w.weight) // w.groups
    for b, row, i, j in itertools.product(*map(range, y.shape)):
        acc = 0 if w.bias is None else int(w.bias[row])
        first = row // rows_per_group * per_group
        for c, r, s in itertools.product(range(per_group), range(w.kernel_h), range(w.kernel_w)):
            h = i * w.stride_h + r * w.dilation_h - w.pad_top
            v = j * w.stride_w + s * w.dilation_w - w.pad_left
            if 0 <= h < x.shape[2] and 0 <= v < x.shape[3]:
                weight = w.weight[row].reshape(per_group, w.kernel_h, w.kernel_w)[c, r, s]
                acc += int(weight) * (int(x[b, first + c, h, v]) - xt.zero_point)
        assert abs(acc) < 2**31
        t = F(acc) * F(float(xt.scale) * float(w.scales[row]) / float(yt.scale))
        if residual is not None:
            rt = op.inputs[1].type
            t = F(t + F(int(residual[b, row, i, j]) - rt.zero_point) * F(rt.scale / yt.scale))
        y[b, row, i, j] = last(t, op)
    return y


WINDOWS: list[dict[str, int]] = [
    {},
    {"kernel_h": 3, "kernel_w": 3, "pad_top": 1, "pad_left": 1, "pad_bottom": 1, "pad_right": 1},
    {"kernel_h": 2, "kernel_w": 3, "stride_h": 2, "stride_w": 1, "dilation_w": 2, "pad_left": 2},
]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    ("groups", "residual", "act"), [(1, False, "none"), (2, True, "relu"), (1, True, "clamp")]
)
def test_convolutions_are_the_loops(window: dict[str, int], groups: int, residual: bool, act: str) -> None:
    x, rows, channels = codes((2, 6, 5, 4)), 4, 6
    taps = window.get("kernel_h", 1) * window.get("kernel_w", 1)
    weight = codes((rows, channels // groups * taps), -127)
    weight[RNG.random(weight.shape) < 0.5] = 0
    scales = (RNG.random(rows) * 0.02 + 1e-3).astype(F)
    bias = RNG.integers(-3000, 3000, rows).astype(np.int32)
    options = o.ConvOptions(weight=weight, scales=scales, bias=bias, groups=groups, **window)
    shape = i8_grid(options, x.shape, rows)
    xt, yt, rt = typed(x.shape, 0.031, -17), typed(shape, 0.11, 9), typed(shape, 0.07, -128)
    op = op_of("Conv", [xt, rt] if residual else [xt], yt, options, act)
    r = codes(shape) if residual else None
    check(op)
    got = run_op(op, [x] if r is None else [x, r])
    assert got.dtype == np.int8
    np.testing.assert_array_equal(got, looped_conv(op, x, r))
    assert len(np.unique(got)) > 2


def i8_grid(options: Any, x: tuple[int, ...], rows: int) -> tuple[int, ...]:
    from secateur.ir.window import window_grid

    return (x[0], rows, *window_grid(x, options))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("act", ["none", "relu", "clamp"])
def test_depthwise_is_the_loops(window: dict[str, int], act: str) -> None:
    x = codes((1, 5, 6, 5))
    weight = codes((5, window.get("kernel_h", 1), window.get("kernel_w", 1)), -127)
    scales = (RNG.random(5) * 0.02 + 1e-3).astype(F)
    options = o.DepthwiseOptions(
        weight=weight, scales=scales, bias=np.arange(-2, 3, dtype=np.int32), **window
    )
    op = op_of(
        "Depthwise", [typed(x.shape, 0.02, 30)], typed(i8_grid(options, x.shape, 5), 0.05, -5), options, act
    )
    check(op)
    np.testing.assert_array_equal(run_op(op, [x]), looped_conv(op, x, None))


def test_large_sums_are_exact() -> None:
    """Beyond what f32 sums exactly, every product at its largest."""
    terms = 60000
    options = o.ConvOptions(
        weight=np.full((1, terms), 127, np.int8), scales=np.ones(1, F), bias=np.ones(1, np.int32)
    )
    op = op_of("Conv", [typed((1, terms, 1, 1), 1.0, -128)], typed((1, 1, 1, 1), 2.0**24, 0), options)
    check(op)
    x = np.full((1, terms, 1, 1), 127, np.int8)
    want = round(float(F(terms * 127 * 255 + 1)) / 2**24)
    assert run_op(op, [x]).item() == want == 116
    assert i8.summing(options.weight, i8.centred(x, op.inputs[0].type)) is np.float64


@pytest.mark.parametrize("kind", ["max", "average", "average_counting_pad"])
@pytest.mark.parametrize("same", [True, False])
def test_pools_are_the_loops(kind: str, same: bool) -> None:
    x = codes((1, 3, 6, 7))
    options = o.PoolOptions(kind, 3, 2, 2, 1, 1, 0, 1, 1)
    xt = typed(x.shape, 0.04, -20)
    yt = typed(i8_grid(options, x.shape, 3), *((0.04, -20) if same else (0.03, 11)))
    op = op_of("Pool", [xt], yt, options)
    check(op)
    got = run_op(op, [x])
    for b, c, i, j in itertools.product(*map(range, yt.shape)):
        inside = [
            int(x[b, c, h, w]) - xt.zero_point
            for h in range(2 * i - 1, 2 * i + 2)
            for w in range(j, j + 2)
            if 0 <= h < 6 and w < 7
        ]
        if kind == "max":
            t = F(max(inside)) * F(xt.scale / yt.scale)
        else:
            t = F(sum(inside)) * F(xt.scale / (yt.scale * (len(inside) if kind == "average" else 6)))
        assert got[b, c, i, j] == last(t, op)
    if kind == "max" and same:
        assert got.max() <= x.max()
        assert set(np.unique(got)) <= set(np.unique(x))


@pytest.mark.parametrize("kind", ["mean", "sum", "max"])
def test_global_pools_are_the_loops(kind: str) -> None:
    x = codes((2, 5, 7, 7))
    xt, yt = typed(x.shape, 0.05, 3), typed((2, 5, 1, 1), 2.5 if kind == "sum" else 0.041, -4)
    op = op_of("GlobalPool", [xt], yt, o.GlobalPoolOptions(kind), "relu")
    check(op)
    got = run_op(op, [x])
    for b, c in itertools.product(range(2), range(5)):
        numbers = [int(v) - 3 for v in x[b, c].reshape(-1)]
        found, count = (max(numbers), 1) if kind == "max" else (sum(numbers), 49 if kind == "mean" else 1)
        assert got[b, c, 0, 0] == last(F(found) * F(xt.scale / (yt.scale * count)), op)


@pytest.mark.parametrize("kind", ["add", "sub", "mul"])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_binaries_are_the_loops(kind: str, per_channel: bool, reverse: bool) -> None:
    a, b = codes((2, 4, 3, 3)), codes((1, 4, 1, 1) if per_channel else (2, 4, 3, 3))
    at, bt, yt = typed(a.shape, 0.03, -8), typed(b.shape, 0.05, 77), typed(a.shape, 0.06, 1)
    op = op_of("Binary", [at, bt], yt, o.BinaryOptions(kind, None, reverse), "clamp")
    check(op)
    got = run_op(op, [a, b])
    for at_ in itertools.product(*map(range, a.shape)):
        p = int(a[at_]) - at.zero_point
        q = int(b[(0, at_[1], 0, 0) if per_channel else at_]) - bt.zero_point
        if kind == "mul":
            t = F(p * q) * F(at.scale * bt.scale / yt.scale)
        else:
            left, right = F(p) * F(at.scale / yt.scale), F(q) * F(bt.scale / yt.scale)
            sign = F(-1) if kind == "sub" else F(1)
            t = F(right + sign * left) if reverse else F(left + sign * right)
        assert got[at_] == last(t, op)


@pytest.mark.parametrize("act", ["hard_swish", "silu", "gelu", "sigmoid", "tanh", "leaky_relu"])
def test_tables_are_within_half_a_step(act: str) -> None:
    xt, yt = typed((1, 256, 1, 1), 0.05, -12), typed((1, 256, 1, 1), 0.041, -90)
    activation = Activation(act, 0.1)
    table = i8.table_of(xt, yt, activation)
    op = op_of("Unary", [xt], yt, o.UnaryOptions(table=table))
    check(op)
    x = np.arange(-128, 128).astype(np.int8).reshape(xt.shape)
    got = run_op(op, [x])
    exact = activate(xt.scale * (x.astype(np.float64) + 12), activation)
    limits = yt.scale * (np.array([-128, 127]) + 90)
    error = np.abs(yt.scale * (got.astype(np.float64) + 90) - np.clip(exact, *limits))
    assert error.max() <= yt.scale / 2 * (1 + 1e-6)


def test_converts() -> None:
    xt, other = typed((1, 3, 2, 2), 0.1, -7), typed((1, 3, 2, 2), 0.043, 60)
    x = np.array([0.05, 0.15, 0.25, -100, 100, np.nan, np.inf, -np.inf, 0, -0.05, 0.7, 1.3], F).reshape(
        1, 3, 2, 2
    )
    to = op_of("Convert", [planes(1, 3, 2, 2)], xt, o.ConvertOptions())
    back = op_of("Convert", [xt], planes(1, 3, 2, 2), o.ConvertOptions())
    again = op_of("Convert", [xt], other, o.ConvertOptions())
    for op in (to, back, again):
        check(op)
    q = run_op(to, [x])
    scaled = [float(F(v) * F(1 / np.float64(xt.scale))) for v in x.reshape(-1)]
    want = [-7 if np.isnan(t) else round(max(min(t, 134), -121)) - 7 for t in scaled]
    assert q.reshape(-1).tolist() == want
    assert [int(v) for v in run_op(back, [q]).reshape(-1) == F(xt.scale) * (q.reshape(-1).astype(F) + 7)] == [
        1
    ] * 12
    t = [F(int(v) + 7) * F(xt.scale / other.scale) for v in q.reshape(-1)]
    assert run_op(again, [q]).reshape(-1).tolist() == [last(v, again) for v in t]


def test_concat_keeps_codes() -> None:
    t = typed((1, 3, 2, 2), 0.1, 5)
    op = op_of("Concat", [t, t], typed((1, 6, 2, 2), 0.1, 5), o.ConcatOptions())
    check(op)
    a, b = codes(t.shape), codes(t.shape)
    np.testing.assert_array_equal(run_op(op, [a, b]), np.concatenate([a, b], 1))


def test_what_moves_codes_moves_them() -> None:
    x, t = codes((2, 3, 4, 5)), typed((2, 3, 4, 5), 0.1, 5)
    flat = op_of("Flatten", [t], t.with_shape((2, 60, 1, 1)), o.FlattenOptions())
    part = op_of("Slice", [t], t.with_shape((2, 2, 2, 5)), o.SliceOptions(1, 1, 2))
    wider = op_of("Pad", [t], t.with_shape((2, 4, 6, 6)), o.PadOptions(1, 2, 0, 0.26))
    for op in (flat, part, wider):
        check(op)
    np.testing.assert_array_equal(run_op(flat, [x]), x.reshape(2, 60, 1, 1))
    np.testing.assert_array_equal(run_op(part, [x]), x[:, 1:3, 1:4:2])
    want = np.pad(x, ((0, 0), (1, 0), (2, 0), (0, 1)), constant_values=5 + 3)
    np.testing.assert_array_equal(run_op(wider, [x]), want)


def test_a_graph_of_both_dtypes() -> None:
    x, q = Value("x", planes(1, 4, 1, 1)), Value("q", typed((1, 4, 1, 1), 0.1, 0))
    y, z = Value("y", typed((1, 2, 1, 1), 0.2, 0)), Value("z", planes(1, 2, 1, 1))
    options = o.ConvOptions(weight=np.array([[10, 0, 0, 0], [0, 0, 0, -4]], np.int8), scales=np.ones(2, F))
    ops = [
        Op("Convert", "in", [x], q, o.ConvertOptions()),
        Op("Conv", "conv", [q], y, options),
        Op("Convert", "out", [y], z, o.ConvertOptions()),
    ]
    graph = Graph("g", [Port("x", x, (1, 4))], [Port("z", z, (1, 2))], ops)
    verify(graph, final=True)
    (out,), values = run_graph(graph, [np.array([[0.3, 1, 1, 0.52]], F)])
    assert values["q"].dtype == np.int8
    np.testing.assert_allclose(out, [[3.0, -2.0]], rtol=1e-6)


def conv(weight: NDArray[Any] | None = None, **changes: Any) -> Op:
    weight = np.ones((3, 4), np.int8) if weight is None else weight
    options = o.ConvOptions(weight=weight, scales=np.ones(len(weight), F))
    for name, value in changes.items():
        setattr(options, name, value)
    shape = (1, weight.shape[1], 2, 2)
    return op_of("Conv", [typed(shape, 0.1, 0)], typed((1, len(weight), 2, 2), 0.1, 0), options)


def with_types(op: Op, inputs: list[TensorType], y: TensorType) -> Op:
    return op_of(op.kind, inputs, y, op.options)


CX, CY = typed((1, 4, 2, 2), 0.1, 0), planes(1, 3, 2, 2)
A, B = typed((1, 2, 1, 1), 0.1, 0), typed((1, 2, 1, 1), 0.1, 1)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (conv(scales=None, weight=np.ones((3, 4), F)), "without scales"),
        (conv(scales=np.ones(2, F)), "one scale for each row"),
        (conv(scales=np.array([1, 0, 1], F)), "zero, negative or not finite"),
        (conv(scales=np.array([1, np.inf, 1], F)), "zero, negative or not finite"),
        (conv(scales=np.full(3, 1e30, F)), "quotient of scales"),
        (conv(np.full((3, 4), -128, np.int8)), "symmetric"),
        (conv(bias=np.ones(3, F)), "bias is float32, not int32"),
        (conv(weight=np.ones((3, 4), F)), "weight is float32, not int8"),
        (conv(np.ones((1, 70000), np.int8)), "may pass"),
        (conv(bias=np.full(3, 2**31 - 2, np.int32)), "may pass"),
        (
            op_of("Conv", [typed((1, 4, 2, 2), 0.1, 0)], typed((1, 3, 2, 2), 0.1, 0), conv().options, "silu"),
            "table",
        ),
        (with_types(conv(), [typed((1, 4, 2, 2), 0.1, 0)], planes(1, 3, 2, 2)), "its rule gives"),
        (
            with_types(conv(), [TensorType((1, 4, 2, 2), DType.I8)], planes(1, 3, 2, 2)),
            "in planes, not planes4",
        ),
        (with_types(conv(), [quantised((1, 4, 2, 2), 0.1, 0)], planes(1, 3, 2, 2)), "finite f32"),
        (with_types(conv(), [quantised((1, 4, 2, 2), 0.0, 0)], planes(1, 3, 2, 2)), "finite f32"),
        (with_types(conv(), [typed((1, 4, 2, 2), 0.5, 128)], planes(1, 3, 2, 2)), "outside -128 to 127"),
        (op_of("Flatten", [A], B, o.FlattenOptions()), "its rule gives"),
        (op_of("Slice", [A], B, o.SliceOptions()), "its rule gives"),
        (op_of("Pad", [A], B, o.PadOptions()), "its rule gives"),
        (op_of("Concat", [A, B], A, o.ConcatOptions()), "one scale and zero point"),
        (
            op_of("Concat", [A, planes(1, 2, 1, 1)], planes(1, 4, 1, 1), o.ConcatOptions()),
            "f32 and i8: one dtype",
        ),
        (op_of("Unary", [A], A, o.UnaryOptions()), "table of 256"),
        (op_of("Unary", [A], A, o.UnaryOptions(table=np.zeros(255, np.int8))), "256 results"),
        (op_of("Binary", [A], A, o.BinaryOptions("add", np.ones(1, F))), "two tensors"),
        (op_of("Binary", [A, A], A, o.BinaryOptions("div")), "two tensors"),
        (op_of("Softmax", [A], A, o.SoftmaxOptions()), "does not take"),
        (op_of("Convert", [planes(1, 2, 1, 1)], planes(1, 2, 1, 1), o.ConvertOptions()), "makes or reads i8"),
        (
            op_of("Unary", [TensorType((1, 2, 1, 1), scale=0.5)], planes(1, 2, 1, 1), o.UnaryOptions()),
            "has no scale",
        ),
    ],
)
def test_faults_of_codes(op: Op, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        check(op, final=False)


def test_layouts() -> None:
    t = quantised((1, 5, 2, 2), 0.5, 3)
    assert (t.dtype, t.layout, t.with_shape((1, 5, 1, 1))) == (
        DType.I8,
        Layout.PLANES4,
        quantised((1, 5, 1, 1), 0.5, 3),
    )
    assert t.made((2, 1, 1, 1), quantised((9,), 0.25, 1)) == quantised((2, 1, 1, 1), 0.25, 1)


def looped_attention(op: Op, q: Codes, k: Codes, v: Codes) -> Codes:
    w, (qt, kt, vt), yt = op.options, [x.type for x in op.inputs], op.output.type
    y = np.zeros(op.output.shape, np.int8)
    dim, values = q.shape[1] // w.heads, v.shape[1] // w.heads
    factor = F(float(qt.scale) * float(kt.scale) * float(F(w.scale)) * 1.4426950408889634)
    for b, head, i in itertools.product(range(len(q)), range(w.heads), range(q.shape[3])):
        seen = range(min(k.shape[3], i + 1)) if w.causal else range(k.shape[3])
        rows = range(head * dim, (head + 1) * dim)
        scores = [sum((int(q[b, c, 0, i]) - qt.zero_point) * int(k[b, c, 0, t]) for c in rows) for t in seen]
        weights = []
        for score in scores:
            z = max(F(F(score - max(scores)) * factor), F(-16))
            n = round(float(z))  # halves to even
            f = F(z - F(n))
            power = F(14.068775)
            for c in (61.865837, 176.78156, 254.98166):
                power = F(F(power * f) + F(c))
            weights.append(round(float(power) * 2.0**n))
        mean = F(F(float(vt.scale) / float(yt.scale)) / F(sum(weights)))
        for c in range(head * values, (head + 1) * values):
            total = sum(p * (int(v[b, c, 0, t]) - vt.zero_point) for t, p in zip(seen, weights, strict=True))
            y[b, c, 0, i] = last(F(F(total) * mean), op)
    return y


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [0.001, 0.2, 50.0])
def test_attention_is_the_loops(causal: bool, scale: float) -> None:
    q, k, v = codes((2, 8, 1, 5)), codes((2, 8, 1, 7)), codes((2, 24, 1, 7))
    types = [typed(q.shape, 0.02, -7), typed(k.shape, 0.03, 90), typed(v.shape, 0.07, 11)]
    op = op_of("Attention", types, typed((2, 24, 1, 5), 0.04, -20), o.AttentionOptions(2, scale, causal))
    check(op)
    got = run_op(op, [q, k, v])
    np.testing.assert_array_equal(got, looped_attention(op, q, k, v))
    assert len(np.unique(got)) > 20


def test_attention_in_bytes_is_near_to_attention() -> None:
    """Within two steps of the output's scale of softmax in double of the same numbers."""
    q, k, v = codes((1, 16, 1, 40)), codes((1, 16, 1, 60)), codes((1, 16, 1, 60))
    types = [typed(q.shape, 0.02, 3), typed(k.shape, 0.02, -5), typed(v.shape, 0.02, 30)]
    op = op_of("Attention", types, typed((1, 16, 1, 40), 0.02, 30), o.AttentionOptions(2, 0.35))
    a, b, c = (i8.dequantise(x, t).astype(np.float64) for x, t in zip((q, k, v), types, strict=True))
    scores = np.einsum("hdq,hdk->hqk", a.reshape(2, 8, 40), b.reshape(2, 8, 60)) * 0.35
    weights = np.exp(scores - scores.max(2, keepdims=True))
    weights /= weights.sum(2, keepdims=True)
    want = np.einsum("hqk,hdk->hdq", weights, c.reshape(2, 8, 60)).reshape(1, 16, 1, 40)
    assert np.abs(i8.dequantise(run_op(op, [q, k, v]), op.output.type) - want).max() <= 2 * 0.02


@pytest.mark.parametrize(
    ("options", "channels", "said"),
    [
        (o.AttentionOptions(2, 1.0, False, np.zeros((5, 5), np.float32)), 8, "mask"),
        (o.AttentionOptions(2, 1.0), 12, "multiple of 4"),
        (o.AttentionOptions(2, -1.0), 8, "not positive"),
    ],
)
def test_attention_that_has_no_bytes(options: o.AttentionOptions, channels: int, said: str) -> None:
    t = typed((1, channels, 1, 5), 0.1, 0)
    with pytest.raises(GraphError, match=said):
        check(op_of("Attention", [t, t, t], t, options))
