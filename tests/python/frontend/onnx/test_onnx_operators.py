"""Every operator against the ONNX package's own definitions, in the forms that networks use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx import NodeProto
from onnx_nets import check, network, node, random, reference

import secateur as sct

W = random(6, 4, 3, 3, seed=1)
B = random(6, seed=2)
IMAGE = (1, 4, 9, 8)

# (id, node, shape of x, constants)
ONE = [
    ("conv", node("Conv", "x w b", pads=[1, 0, 1, 2], strides=[2, 1]), IMAGE, {"w": W, "b": B}),
    ("conv_same_upper", node("Conv", "x w", auto_pad="SAME_UPPER", strides=[2, 2]), IMAGE, {"w": W}),
    ("conv_same_lower", node("Conv", "x w", auto_pad="SAME_LOWER", strides=[2, 3]), IMAGE, {"w": W}),
    ("conv_groups", node("Conv", "x w", group=2, dilations=[2, 1]), IMAGE, {"w": random(6, 2, 2, 3)}),
    ("conv_1d", node("Conv", "x w", pads=[1, 1]), (2, 4, 11), {"w": random(5, 4, 3)}),
    (
        "conv_transpose",
        node("ConvTranspose", "x w b", strides=[2, 3], pads=[1, 0, 0, 2], output_padding=[1, 0]),
        IMAGE,
        {"w": random(4, 5, 3, 3), "b": random(5)},
    ),
    (
        "gemm",
        node("Gemm", "x w c", transB=1, alpha=0.5, beta=2.0),
        (3, 8),
        {"w": random(5, 8), "c": random(5)},
    ),
    ("gemm_full_bias", node("Gemm", "x w c"), (3, 8), {"w": random(8, 5), "c": random(3, 5)}),
    ("gemm_trans_a", node("Gemm", "x w", transA=1), (8, 3), {"w": random(8, 5)}),
    ("matmul", node("MatMul", "x w"), (2, 7, 8), {"w": random(8, 5)}),
    (
        "batch_norm",
        node("BatchNormalization", "x s b m v", epsilon=1e-3),
        IMAGE,
        {"s": random(4), "b": random(4), "m": random(4), "v": np.abs(random(4)) + 1},
    ),
    ("layer_norm", node("LayerNormalization", "x s b"), (2, 5, 8), {"s": random(8), "b": random(8)}),
    ("instance_norm", node("InstanceNormalization", "x s b"), IMAGE, {"s": random(4), "b": random(4)}),
    ("lp_norm", node("LpNormalization", "x", axis=1), (2, 8), {}),
    ("max_pool", node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 0, 1]), IMAGE, {}),
    ("max_pool_ceil", node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), IMAGE, {}),
    (
        "average_pool",
        node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 0, 1], count_include_pad=1),
        IMAGE,
        {},
    ),
    ("average_pool_bare", node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 0, 1]), IMAGE, {}),
    ("lp_pool", node("LpPool", "x", kernel_shape=[2, 2], strides=[2, 2]), IMAGE, {}),
    ("global_average", node("GlobalAveragePool", "x"), IMAGE, {}),
    ("global_max", node("GlobalMaxPool", "x"), IMAGE, {}),
    ("reduce_sum", node("ReduceSum", "x a", keepdims=0), IMAGE, {"a": np.array([2, 3])}),
    ("reduce_log_sum_exp", node("ReduceLogSumExp", "x", axes=[1]), IMAGE, {}),
    ("cum_sum", node("CumSum", "x a", reverse=1, exclusive=1), (3, 7), {"a": np.array(1)}),
    (
        "slice_back",
        node("Slice", "x s e a t"),
        IMAGE,
        dict(zip("seat", np.array([[7], [-20], [2], [-2]]), strict=True)),
    ),
    ("split", node("Split", "x s", "y z", axis=1), IMAGE, {"s": np.array([1, 3])}),
    ("gather_rows", node("Gather", "x i", axis=2), IMAGE, {"i": np.array([[0, 5], [3, 3]])}),
    ("gather_one", node("Gather", "x i", axis=1), IMAGE, {"i": np.array(-1)}),
    ("concat", node("Concat", "x c", axis=1), IMAGE, {"c": random(1, 2, 9, 8)}),
    ("pad_reflect", node("Pad", "x p", mode="reflect"), IMAGE, {"p": np.array([0, 0, 1, 2, 0, 0, 3, 0])}),
    ("pad_value", node("Pad", "x p v"), IMAGE, {"p": np.array([0, 1, 0, 0, 0, 0, 2, 1]), "v": np.float32(2)}),
    ("tile", node("Tile", "x r"), (2, 3), {"r": np.array([1, 3])}),
    ("expand", node("Expand", "x s"), (1, 1, 6), {"s": np.array([1, 5, 1])}),
    ("depth_to_space_dcr", node("DepthToSpace", "x", blocksize=2), (1, 8, 3, 4), {}),
    ("depth_to_space_crd", node("DepthToSpace", "x", blocksize=2, mode="CRD"), (1, 8, 3, 4), {}),
    ("space_to_depth", node("SpaceToDepth", "x", blocksize=2), (1, 2, 6, 4), {}),
    ("reshape_zero", node("Reshape", "x s"), (2, 3, 4), {"s": np.array([0, -1])}),
    ("where", node("Where", "c x z"), (3, 4), {"c": np.eye(3, 4) > 0, "z": np.float32(-3)}),
    ("trilu", node("Trilu", "x k", upper=0), (5, 6), {"k": np.array(1)}),
    ("softmax", node("Softmax", "x", axis=1), IMAGE, {}),
    ("log_softmax", node("LogSoftmax", "x", axis=-1), (4, 6), {}),
    ("max_of_three", node("Max", "x c d"), (3, 4), {"c": random(3, 4), "d": random(4)}),
    ("mean_of_two", node("Mean", "x c"), (3, 4), {"c": random(3, 4)}),
    ("pow", node("Pow", "x c"), (3, 4), {"c": np.float32(3)}),
    ("clip", node("Clip", "x low"), (3, 4), {"low": np.float32(-0.3)}),
    ("clip_below", node("Clip", "x - high"), (3, 4), {"high": np.float32(0.4)}),
    ("prelu", node("PRelu", "x s"), IMAGE, {"s": random(4, 1, 1)}),
    ("prelu_last", node("PRelu", "x s"), (2, 3, 5), {"s": random(5)}),
    ("hard_sigmoid", node("HardSigmoid", "x", alpha=0.3, beta=0.4), (3, 4), {}),
    ("shrink", node("Shrink", "x", lambd=0.5, bias=0.2), (3, 4), {}),
    ("mod", node("Mod", "x c", fmod=1), (3, 4), {"c": np.array([0.3, -0.7, 1.1, 0.2], np.float32)}),
    ("thresholded", node("ThresholdedRelu", "x", alpha=0.2), (3, 4), {}),
]


@pytest.mark.parametrize(
    ("made", "shape", "constants"), [case[1:] for case in ONE], ids=[case[0] for case in ONE]
)
def test_of_one_tensor(made: NodeProto, shape: tuple[int, ...], constants: dict[str, Any]) -> None:
    check(network([made], {"x": shape}, list(made.output), constants), {"x": random(*shape, seed=7)})


FUNCTIONS = (
    *("Abs", "Asinh", "Atan", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor", "Round", "Sinh"),
    *("HardSwish", "Identity", "LeakyRelu", "Mish", "Neg"),
    *("Reciprocal", "Relu", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Tan", "Tanh"),
)


VOLUME = (1, 3, 5, 6, 4)
VOLUMES = [
    (node("Conv", "x w b", pads=[1, 0, 1, 0, 1, 2], strides=[2, 1, 1]), (1, 3, 5, 6, 4)),
    (node("Conv", "x g", group=3, dilations=[2, 1, 1]), VOLUME),
    (node("MaxPool", "x", kernel_shape=[3, 2, 2], strides=[1, 2, 2], pads=[1, 0, 1, 1, 0, 1]), VOLUME),
    (node("AveragePool", "x", kernel_shape=[2, 2, 2]), VOLUME),
]


@pytest.mark.parametrize("case", VOLUMES, ids=["conv", "groups", "max_pool", "average_pool"])
def test_three_dimensions(case: tuple[NodeProto, tuple[int, ...]]) -> None:
    made, shape = case
    x = random(*shape)
    constants = {"w": random(4, 3, 3, 2, 3), "b": random(4), "g": random(6, 1, 2, 3, 1)}
    held = {name: value for name, value in constants.items() if name in made.input}
    y = sct.compile(network([made], {"x": shape}, ["y"], held), x, verify=False).session().run(x)
    a = {attribute.name: list(attribute.ints) or attribute.i for attribute in made.attribute}
    t, pads = torch.from_numpy(x), a.get("pads", [0] * 6)
    if made.op_type == "Conv":
        w = torch.from_numpy(held.get("w", held.get("g")))
        bias = torch.from_numpy(held["b"]) if "b" in held else None
        padded = torch.nn.functional.pad(t, (pads[2], pads[5], pads[1], pads[4], pads[0], pads[3]))
        want = torch.nn.functional.conv3d(
            padded, w, bias, a.get("strides", 1), 0, a.get("dilations", 1), a.get("group", 1)
        )
    elif made.op_type == "MaxPool":
        want = torch.nn.functional.max_pool3d(t, a["kernel_shape"], a["strides"], pads[:3])
    else:
        want = torch.nn.functional.avg_pool3d(t, a["kernel_shape"], 1)
    np.testing.assert_allclose(y, want.numpy(), atol=2e-5)


@pytest.mark.parametrize("border", [False, True])
def test_grid_sample_is_pytorchs(border: bool) -> None:
    x, grid = random(2, 3, 5, 6), random(2, 4, 3, 2, seed=1)
    mode = "border" if border else "zeros"
    layer = node("GridSample", "x g", mode="linear", padding_mode=mode)
    shapes = {"x": x.shape, "g": grid.shape}
    y = sct.compile(network([layer], shapes, ["y"], opset=20), verify=False).session().run(x, grid)
    want = torch.nn.functional.grid_sample(
        torch.from_numpy(x), torch.from_numpy(grid), padding_mode=mode, align_corners=False
    )
    np.testing.assert_allclose(y, want.numpy(), atol=2e-5)


@pytest.mark.parametrize("op", FUNCTIONS)
def test_functions(op: str) -> None:
    check(network([node(op, "x")], {"x": (3, 5)}, ["y"], opset=18), {"x": random(3, 5) + np.float32(0.1)})


@pytest.mark.parametrize("op", ["Log", "Sqrt"])
def test_functions_of_positive_numbers(op: str) -> None:
    check(network([node(op, "x")], {"x": (3, 5)}, ["y"]), {"x": np.abs(random(3, 5)) + np.float32(0.1)})


@pytest.mark.parametrize("op", ["Acos", "Acosh", "Asin", "Atanh"])
def test_inverse_functions(op: str) -> None:
    before = "Cosh" if op == "Acosh" else "Tanh"
    nodes = [node(before, "x", "t"), node(op, "t")]
    check(network(nodes, {"x": (3, 5)}, ["y"]), {"x": random(3, 5)})


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 1), (4,), (1, 3, 4)])
def test_arithmetic_broadcasts(op: str, shape: tuple[int, ...]) -> None:
    feeds = {"x": random(2, 3, 4), "z": random(*shape, seed=4) + np.float32(3)}
    check(network([node(op, "x z")], {"x": (2, 3, 4), "z": shape}, ["y"]), feeds)
    check(network([node(op, "z x")], {"x": (2, 3, 4), "z": shape}, ["y"]), feeds)


RESIZES = [
    {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    {"mode": "nearest", "nearest_mode": "round_prefer_ceil"},
    {"mode": "nearest", "coordinate_transformation_mode": "half_pixel_symmetric", "nearest_mode": "ceil"},
    {"mode": "linear"},
    {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
    {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel", "antialias": 1},
    {"mode": "cubic", "cubic_coeff_a": -0.5},
    {"mode": "cubic", "exclude_outside": 1},
    {"mode": "cubic", "antialias": 1},
]


@pytest.mark.parametrize("size", [(13, 5), (4, 16), (9, 8)])
@pytest.mark.parametrize("options", RESIZES, ids=lambda o: "-".join(map(str, o.values())))
def test_resize(options: dict[str, Any], size: tuple[int, int]) -> None:
    model = network(
        [node("Resize", "x - - s", **options)], {"x": IMAGE}, ["y"], {"s": np.array([1, 4, *size])}, opset=19
    )
    check(model, {"x": random(*IMAGE)})


def test_resize_of_a_crop_puts_a_value_outside() -> None:
    model = network(
        [
            node(
                "Resize",
                "x roi - s",
                mode="linear",
                coordinate_transformation_mode="tf_crop_and_resize",
                extrapolation_value=10.0,
            )
        ],
        {"x": IMAGE},
        ["y"],
        {"roi": np.float32([0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7]), "s": np.array([1, 4, 3, 5])},
    )
    check(model, {"x": random(*IMAGE)})


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsample_of_opset_9(mode: str) -> None:
    """Places are i / scale: what Resize calls asymmetric, with the nearest element below."""
    scales = np.float32([1, 1, 2, 3])
    old = network([node("Upsample", "x s", mode=mode)], {"x": IMAGE}, ["y"], {"s": scales}, opset=9)
    form = {"mode": mode, "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    new = network([node("Resize", "x - s", **form)], {"x": IMAGE}, ["y"], {"s": scales}, opset=19)
    x = random(*IMAGE)
    y = sct.compile(old, x, verify=False).session().run(x)
    np.testing.assert_allclose(y, reference(new, {"x": x})[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [3, 4])
def test_local_response_norm_is_pytorchs(size: int) -> None:
    x = random(2, 7, 5, 3)
    layer = node("LRN", "x", size=size, alpha=0.1, bias=1.5, beta=0.6)
    y = sct.compile(network([layer], {"x": x.shape}, ["y"]), x, verify=False).session().run(x)
    squares = np.pad(x**2, ((0, 0), ((size - 1) // 2, size // 2), (0, 0), (0, 0)))
    total = sum(squares[:, i : i + 7] for i in range(size))
    np.testing.assert_allclose(y, x / (1.5 + 0.1 / size * total) ** 0.6, rtol=1e-5, atol=1e-6)


def test_transposed_convolution_of_a_given_output() -> None:
    """What is over is taken off in halves, the larger one in front."""
    w = random(4, 2, 3, 3)
    given = network(
        [node("ConvTranspose", "x w", strides=[2, 2], output_shape=[18, 16])], {"x": IMAGE}, ["y"], {"w": w}
    )
    cut = network(
        [node("ConvTranspose", "x w", strides=[2, 2], pads=[1, 1, 0, 0])], {"x": IMAGE}, ["y"], {"w": w}
    )
    x = random(*IMAGE)
    y = sct.compile(given, x, verify=False).session().run(x)
    np.testing.assert_allclose(y, reference(cut, {"x": x})[0], rtol=1e-4, atol=1e-5)


def test_softmax_before_opset_13_is_over_the_rest() -> None:
    model = network([node("Softmax", "x", axis=1)], {"x": (2, 3, 4)}, ["y"], opset=11)
    x = random(2, 3, 4)
    e = np.exp(x.reshape(2, 12) - x.reshape(2, 12).max(1, keepdims=True))
    y = sct.compile(model, x, verify=False).session().run(x)
    np.testing.assert_allclose(y, (e / e.sum(1, keepdims=True)).reshape(2, 3, 4), rtol=1e-5)


@pytest.mark.parametrize("heads", [(2, 2), (4, 2)])
@pytest.mark.parametrize("flat", [False, True])
def test_attention(heads: tuple[int, int], flat: bool) -> None:
    own, others = heads
    shapes = {n: (2, h, t, 8) for n, h, t in (("q", own, 5), ("k", others, 6), ("v", others, 6))}
    options: dict[str, Any] = {"is_causal": 1}
    if flat:
        shapes = {n: (s[0], s[2], s[1] * s[3]) for n, s in shapes.items()}
        options |= {"q_num_heads": own, "kv_num_heads": others}
    model = network([node("Attention", "q k v", **options)], shapes, ["y"], opset=23)
    check(model, {n: random(*s, seed=i) for i, (n, s) in enumerate(shapes.items())})


def test_attention_spelled_out_with_a_mask() -> None:
    """[tokens, features] -> heads by Reshape and Transpose, as exporters write it: one Attention operator."""
    mask = np.triu(np.full((5, 5), -np.inf, np.float32), 1)
    nodes = []
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            node("MatMul", f"x w{name}", f"{name}0"),
            node("Reshape", f"{name}0 heads", f"{name}1"),
            node("Transpose", f"{name}1", f"{name}2", perm=order),
        ]
    nodes += [
        node("MatMul", "q2 k2", "s"),
        node("Mul", "s scale", "t"),
        node("Add", "t mask", "u"),
        node("Softmax", "u", "p", axis=-1),
        node("MatMul", "p v2", "o"),
        node("Transpose", "o", "o2", perm=[0, 2, 1, 3]),
        node("Reshape", "o2 flat"),
    ]
    constants = {f"w{name}": random(16, 16, seed=i) for i, name in enumerate("qkv")}
    constants |= {"scale": np.float32(0.3), "mask": mask}
    constants |= {"heads": np.array([1, 5, 2, 8]), "flat": np.array([1, 5, 16])}
    program = check(network(nodes, {"x": (1, 5, 16)}, ["y"], constants), {"x": random(1, 5, 16)})
    assert [row.op for row in program.layers] == ["Conv", "Conv", "Conv", "Attention"]


def test_token_numbers_choose_rows() -> None:
    table = random(11, 6)
    model = network([node("Gather", "table ids")], {"ids": (7, (2, 5))}, ["y"], {"table": table})
    ids = np.random.default_rng(0).integers(0, 11, (2, 5))
    check(model, {"ids": ids})


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_recurrent(op: str, direction: str) -> None:
    gates, d = {"LSTM": 4, "GRU": 3, "RNN": 1}[op], 2 if direction == "bidirectional" else 1
    steps, batch, inputs, hidden = 4, 2, 5, 6
    constants = {
        "w": random(d, gates * hidden, inputs) * np.float32(0.3),
        "r": random(d, gates * hidden, hidden, seed=1) * np.float32(0.3),
        "b": random(d, 2 * gates * hidden, seed=2) * np.float32(0.3),
    }
    outputs = "y yh yc" if op == "LSTM" else "y yh"
    layer = node(op, "x w r b", outputs, hidden_size=hidden, direction=direction)
    model = network([layer], {"x": (steps, batch, inputs)}, outputs.split(), constants, opset=14)
    x = random(steps, batch, inputs, seed=3)
    want = _recurrent(op, x, constants, hidden, direction)
    got = sct.compile(model, x, verify=False).session().run(x)
    for y, expected in zip(got, want, strict=True):
        np.testing.assert_allclose(y, expected, atol=2e-6)


def _recurrent(op: str, x: Any, c: dict[str, Any], hidden: int, direction: str) -> list[Any]:
    """The equations of the operators, step by step (the package's own definitions lack directions)."""

    def sigmoid(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    all_y, all_h, all_c = [], [], []
    for d in range(len(c["w"])):
        w, r, b = c["w"][d], c["r"][d], c["b"][d]
        wb, rb = np.split(b, 2)
        h, state = np.zeros((x.shape[1], hidden)), np.zeros((x.shape[1], hidden))
        rows = [None] * len(x)
        back = direction == "reverse" or d == 1
        for t in reversed(range(len(x))) if back else range(len(x)):
            a, u = x[t] @ w.T + wb, h @ r.T + rb
            if op == "RNN":
                h = np.tanh(a + u)
            elif op == "LSTM":
                i, o, f, g = np.split(a + u, 4, 1)
                state = sigmoid(f) * state + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(state)
            else:
                az, ar, ah = np.split(a, 3, 1)
                z, reset = sigmoid(az + u[:, :hidden]), sigmoid(ar + u[:, hidden : 2 * hidden])
                new = np.tanh(ah + (reset * h) @ r[2 * hidden :].T + rb[2 * hidden :])
                h = (1 - z) * new + z * h
            rows[t] = h
        all_y.append(rows)
        all_h.append(h)
        all_c.append(state)
    y = np.array(all_y).transpose(1, 0, 2, 3)
    return [y, np.array(all_h), np.array(all_c)][: 3 if op == "LSTM" else 2]


def test_gru_resets_after_the_product_where_it_is_told() -> None:
    """As PyTorch's GRU does."""
    torch.manual_seed(0)
    gru = torch.nn.GRU(5, 6)
    order = [1, 0, 2]  # PyTorch has r z n, ONNX z r h

    def reordered(p: torch.Tensor) -> Any:
        return np.concatenate([p.detach().numpy().reshape(3, 6, -1)[i] for i in order])

    constants = {
        "w": reordered(gru.weight_ih_l0)[None],
        "r": reordered(gru.weight_hh_l0)[None],
        "b": np.concatenate([reordered(p).reshape(-1) for p in (gru.bias_ih_l0, gru.bias_hh_l0)])[None],
        "h": random(1, 2, 6),
    }
    layer = node("GRU", "x w r b - h", "y yh", hidden_size=6, linear_before_reset=1)
    model = network([layer], {"x": (4, 2, 5)}, ["y", "yh"], constants, opset=14)
    x = random(4, 2, 5)
    y, last = sct.compile(model, x, verify=False).session().run(x)
    with torch.no_grad():
        want, h = gru(torch.from_numpy(x), torch.from_numpy(constants["h"]))
    np.testing.assert_allclose(y[:, 0], want.numpy(), atol=2e-6)
    np.testing.assert_allclose(last, h.numpy(), atol=2e-6)


def test_a_sequence_of_tensors_is_a_list() -> None:
    nodes = [
        node("SplitToSequence", "x n", "s", axis=1),
        node("SequenceAt", "s one", "a"),
        node("SequenceInsert", "s a zero", "t"),
        node("SequenceErase", "t two", "u"),
        node("ConcatFromSequence", "u", "y", axis=1),
    ]
    constants = {"n": np.array(2), "zero": np.array(0), "one": np.array(1), "two": np.array(2)}
    x = random(1, 6, 3)
    model = network(nodes, {"x": (1, 6, 3)}, ["y"], constants)
    y = sct.compile(model, x, verify=False).session().run(x)
    np.testing.assert_array_equal(y, np.concatenate([x[:, 2:4], x[:, 0:2], x[:, 4:6]], 1))


def test_an_operator_without_a_reader_runs_by_its_definition() -> None:
    """RotaryEmbedding is defined in ONNX by others."""
    cos, sin = np.cos(random(5, 4)), np.sin(random(5, 4))
    model = network(
        [node("RotaryEmbedding", "x cos sin p")],
        {"x": (1, 2, 5, 8)},
        ["y"],
        {"cos": cos, "sin": sin, "p": np.arange(5)[None]},
        opset=23,
    )
    check(model, {"x": random(1, 2, 5, 8)})
