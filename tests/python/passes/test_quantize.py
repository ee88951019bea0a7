"""The graph that a description makes: types, conversions, bytes; and what it computes, beside f32."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from secateur.errors import InvalidArgumentError
from secateur.ir import DType, Graph, Op, verify
from secateur.ir.quantised import decoded, dequantise
from secateur.ir.reference import run_graph
from secateur.passes import Quantization
from secateur.passes.choose_i8 import choose_i8, sizes
from secateur.passes.quantize import LayerChoice, TensorScale, capable, prepare, quantise_graph, quantise_rows
from secateur.passes.quantize.equalise import equalise, pairs
from secateur.quantize.static import calibrated_form

RNG = np.random.default_rng(2)


class Net(nn.Module):
    """Every operator that has an i8 form, and a softmax, which has none."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.dw = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.point = nn.Conv2d(8, 8, 1)
        self.grouped = nn.Conv2d(16, 8, 3, 1, 1, groups=2)
        self.head = nn.Linear(8, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu(self.stem(x))
        y = nn.functional.relu6(self.dw(x))
        z = nn.functional.hardswish(self.point(y)) + x
        z = torch.cat([nn.functional.max_pool2d(z, 3, 1, 1), torch.sigmoid(y) * z], 1)
        z = nn.functional.avg_pool2d(self.grouped(z), 2)
        return torch.softmax(self.head(z.mean((2, 3))), 1)


def network() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval()


def prepared(net: nn.Module | None = None, shape: tuple[int, ...] = (1, 3, 16, 16)) -> Graph:
    return calibrated_form(net or network(), torch.zeros(shape))


def inputs(count: int = 1) -> list[NDArray[np.float32]]:
    return [RNG.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(count)]


def describe(graph: Graph, x: NDArray[np.float32], **changes: Any) -> Quantization:
    """A description by the extents of one run: made here, not by the product's calibration."""
    _, values = run_graph(graph, [x])
    tensors = {}
    for name, value in values.items():
        low, high = min(float(value.min()), 0.0), max(float(value.max()), 0.0)
        scale = float(np.float32((high - low) / 255)) or 1.0
        zero = round(float(np.clip(-128 - low / scale, -128, 127)))
        tensors[name] = TensorScale(scale, zero, low, high)
    layers = {
        op.name: LayerChoice("i8", "calibrated") for op in graph.ops if op.kind in ("Conv", "Depthwise")
    }
    return Quantization(graph.name, "minmax", 1, tensors=tensors, layers=layers, **changes)


def quantised_graph(graph: Graph, q: Quantization) -> Graph:
    made = copy.deepcopy(graph)
    quantise_graph(made, q)
    verify(made, final=True)
    return made


def kinds(graph: Graph) -> list[str]:
    return [f"{op.kind}{' i8' if op.inputs[0].type.dtype is DType.I8 else ''}" for op in graph.ops]


def test_every_operator_with_a_form_runs_in_i8() -> None:
    graph = prepared()
    x = inputs()[0]
    made = quantised_graph(graph, describe(graph, x))
    assert kinds(made) == [
        "Convert", "Conv i8", "Depthwise i8", "Conv i8", "Unary i8", "Binary i8", "Pool i8", "Unary i8",
        "Binary i8",
        "Concat i8", "Conv i8", "Pool i8", "GlobalPool i8", "Conv i8", "Convert i8", "Softmax",
    ]  # fmt: skip
    (want,), before = run_graph(graph, [x])
    (got,), after = run_graph(made, [x])
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, atol=0.02)
    types = {value.name: value.type for value in made.values()}
    for name, exact in before.items():
        if name in after and types[name].dtype is DType.I8:
            error = dequantise(after[name], types[name]).reshape(exact.shape) - exact
            assert np.sqrt((error**2).mean()) < 0.03 * np.sqrt((exact**2).mean()) + 1e-6, name


def test_a_description_and_its_graph_are_deterministic() -> None:
    graph = prepared()
    x = inputs()[0]
    q = describe(graph, x)
    a, b = quantised_graph(graph, q), quantised_graph(prepared(), Quantization.from_json(q.to_json()))
    np.testing.assert_array_equal(run_graph(a, [x])[0][0], run_graph(b, [x])[0][0])


def test_parts_of_a_concatenation_and_maxima_take_one_scale() -> None:
    graph = prepared()
    made = quantised_graph(graph, describe(graph, inputs()[0]))
    concat = next(op for op in made.ops if op.kind == "Concat")
    codes = {(v.type.scale, v.type.zero_point) for v in (*concat.inputs, concat.output)}
    assert len(codes) == 1
    assert "Convert" not in {made.producers()[v].kind for v in concat.inputs}


class Shared(nn.Module):
    """A part of a concatenation that others read, too, and a maximum of a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.a(x)
        z = 5 * self.b(y)
        return self.c(nn.functional.max_pool2d(torch.cat([y, z], 1), 2))


def test_a_part_that_others_read_is_converted() -> None:
    graph = prepared(Shared().eval())
    made = quantised_graph(graph, describe(graph, inputs()[0]))
    concat = next(op for op in made.ops if op.kind == "Concat")
    makers = [made.producers()[v].kind for v in concat.inputs]
    assert makers == ["Convert", "Conv"]
    pool = next(op for op in made.ops if op.kind == "Pool")
    assert pool.output.type.scale == pool.inputs[0].type.scale


def test_kept_layers_run_in_f32_between_conversions() -> None:
    graph = prepared()
    x = inputs()[0]
    q = describe(graph, x).keep("point")
    made = quantised_graph(graph, q)
    point = next(op for op in made.ops if op.name == "point")
    assert (point.inputs[0].type.dtype, point.output.type.dtype) == (DType.F32, DType.F32)
    assert point.because == "f32: named by the caller"
    assert made.producers()[point.inputs[0]].kind == "Convert"
    np.testing.assert_allclose(run_graph(made, [x])[0][0], run_graph(graph, [x])[0][0], atol=0.02)


def test_all_kept_is_the_f32_graph() -> None:
    graph = prepared()
    x = inputs()[0]
    q = describe(graph, x)
    made = quantised_graph(graph, q.keep(*q.layers))
    assert "Convert" not in {op.kind for op in made.ops}
    np.testing.assert_array_equal(run_graph(made, [x])[0][0], run_graph(graph, [x])[0][0])


class ByANumber(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 - torch.tanh(nn.functional.max_pool2d(torch.sigmoid(self.a(x)), 2))


def test_arithmetic_with_a_number_is_a_table() -> None:
    graph = prepared(ByANumber().eval())
    x = inputs()[0]
    made = quantised_graph(graph, describe(graph, x))
    assert [k for k in kinds(made) if "Binary" in k] == []
    np.testing.assert_allclose(run_graph(made, [x])[0][0], run_graph(graph, [x])[0][0], atol=0.02)


def test_sums_that_could_overflow_stay_in_f32() -> None:
    net = nn.Sequential(nn.Linear(70000, 2)).eval()
    graph = calibrated_form(net, torch.zeros(1, 70000))
    assert "int32 sums of 70000 products could overflow" in capable(graph.ops[0])


def test_a_large_bias_keeps_its_layer_in_f32() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 1)).eval()
    graph = prepared(net)
    graph.ops[0].options.bias = np.array([1e9, 0], np.float32)
    x = inputs()[0]
    q = describe(graph, x)
    q.tensors["input"] = TensorScale(0.01, 0, -1.0, 1.0)
    made = quantised_graph(graph, q)
    assert kinds(made) == ["Conv"]
    assert "bias is too large" in made.ops[0].because


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda q: q.layers.update(conv9=LayerChoice("i8", "")), "another network.*no layer 'conv9'"),
        (lambda q: q.tensors.update(t9=TensorScale(1.0, 0, 0.0, 1.0)), "no tensor 't9'"),
        (lambda q: q.tensors.pop("stem"), "no scale for 'stem'"),
        (lambda q: q.bias.update(stem=[0.0]), "bias that 'stem' does not have"),
        (lambda q: q.tensors.update(stem=TensorScale(0.0, 0, 0.0, 1.0)), "scale of tensor 'stem' is 0.0"),
        (
            lambda q: q.tensors.update(stem=TensorScale(float("nan"), 0, 0.0, 1.0)),
            "scale of tensor 'stem' is nan",
        ),
        (
            lambda q: q.tensors.update(stem=TensorScale(1.0, 128, 0.0, 1.0)),
            "zero point of tensor 'stem' is 128",
        ),
        (lambda q: q.layers.update(stem=LayerChoice("i4", "")), "layer 'stem' is to be 'i4'"),
    ],
)
def test_descriptions_that_do_not_fit(change: Any, message: str) -> None:
    graph = prepared()
    q = describe(graph, inputs()[0])
    change(q)
    with pytest.raises(InvalidArgumentError, match=message):
        quantise_graph(graph, q)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a description"),
        ("[]", "not a description"),
        ("{}", "not a description"),
        ('{"secateur_quantization": 2}', "of version 2"),
        ('{"secateur_quantization": 1}', "lacks or has"),
        ('{"secateur_quantization": 1, "network": "n", "method": "mse", "samples": 1, "tensors": {"x": {}}, '
         '"layers": {}, "equalised": []}', "lacks or has"),
    ],
)  # fmt: skip
def test_texts_that_are_no_description(text: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Quantization.from_json(text)


def test_an_unknown_layer_cannot_be_kept() -> None:
    with pytest.raises(InvalidArgumentError, match="there is no layer 'x' to keep"):
        Quantization("n", "mse", 1).keep("x")


def test_activations_are_set_apart() -> None:
    graph = prepared()
    names = [op.name for op in graph.ops]
    assert "point.hard_swish" in names
    assert prepare(graph) == 0


# --- weights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["max", "mse"])
def test_rows_of_weights(method: str) -> None:
    weight = RNG.standard_normal((6, 40)).astype(np.float32)
    weight[RNG.random(weight.shape) < 0.7] = 0
    weight[2] = 0
    weight[3] *= 1e-30
    weight[4, 0] = 50
    codes, scales = quantise_rows(weight, method)
    assert (codes.dtype, scales.dtype) == (np.int8, np.float32)
    assert np.all(codes[weight == 0] == 0)
    assert codes.min() >= -127
    assert scales[2] == 1
    assert np.all(scales > 0)
    steps = np.abs(decoded(codes, scales) - weight) / scales[:, None]
    if method == "max":
        assert steps.max() <= 0.5 + 1e-4


def test_mse_has_no_more_error_than_max() -> None:
    weight = RNG.standard_normal((8, 20000)).astype(np.float32)
    errors = {m: ((decoded(*quantise_rows(weight, m)) - weight) ** 2).sum(1) for m in ("max", "mse")}
    assert np.all(errors["mse"] <= errors["max"] * (1 + 1e-5))
    assert errors["mse"].sum() < 0.98 * errors["max"].sum()


def test_a_row_of_denormals_is_zeros() -> None:
    codes, scales = quantise_rows(np.full((1, 3), 1e-42, np.float32))
    assert codes.tolist() == [[0, 0, 0]]
    assert scales[0] >= np.finfo(np.float32).tiny


def test_weights_have_two_methods() -> None:
    with pytest.raises(InvalidArgumentError, match="max or mse, not 'kl'"):
        quantise_rows(np.ones((1, 1), np.float32), "kl")


# --- equalisation ---------------------------------------------------------------------------------------


def test_equalisation_changes_nothing_that_is_computed() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU(), nn.Conv2d(8, 4, 3)
    ).eval()
    with torch.no_grad():
        net[0].weight *= torch.logspace(-2, 2, 8).reshape(-1, 1, 1, 1)
    graph = prepared(net)
    before = copy.deepcopy(graph)
    assert [(a.name, b.name) for a, b in pairs(graph)] == [("0", "2"), ("2", "4")]
    done = equalise(graph)
    assert [(a, b) for a, b, _ in done] == [("0", "2"), ("2", "4")]
    x = inputs()[0]
    want, got = run_graph(before, [x])[0][0], run_graph(graph, [x])[0][0]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    rows = np.abs(graph.ops[0].options.weight).max(1)
    assert rows.max() / rows.min() < 0.1 * (
        np.abs(before.ops[0].options.weight).max(1).max() / np.abs(before.ops[0].options.weight).max(1).min()
    )


def test_what_equalisation_leaves_alone() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.ReLU6(), nn.Conv2d(8, 8, 1), nn.Hardswish(), nn.Conv2d(8, 4, 1, groups=2)
    )
    graph = prepared(net.eval())
    assert pairs(graph) == []
    assert equalise(graph) == []


# --- storage --------------------------------------------------------------------------------------------


def conv(weight: NDArray[np.int8], channels: int, kernel: int = 1) -> Op:
    from secateur.ir import Value
    from secateur.ir.options import ConvOptions
    from secateur.ir.types import quantised

    options = ConvOptions(
        weight=weight, scales=np.ones(len(weight), np.float32), kernel_h=kernel, kernel_w=kernel
    )
    x = Value("x", quantised((1, channels, 4, 4), 1.0, 0))
    y = Value("y", quantised((1, len(weight), 5 - kernel, 5 - kernel), 1.0, 0))
    return Op("Conv", "conv", [x], y, options)


def test_storage_takes_the_fewest_bytes() -> None:
    from secateur.emit.constants import store

    full = RNG.integers(1, 100, (8, 16)).astype(np.int8)
    scattered = full * (RNG.random(full.shape) < 0.15)
    blocks = full * np.repeat(RNG.random((8, 4)) < 0.3, 4, axis=1)
    tall = full * np.repeat(np.repeat(RNG.random((2, 4)) < 0.3, 4, axis=1), 4, axis=0)
    found = {}
    for name, weight in {"full": full, "scattered": scattered, "blocks": blocks, "tall": tall}.items():
        op = conv(weight.astype(np.int8), 16)
        storage, reason = choose_i8(op)
        found[name] = str(storage)
        assert reason.startswith(str(storage))
        stored = store(op.options.weight, storage, op.options.scales)
        real = {str(s): store(op.options.weight, s, op.options.scales).bytes - 32 for _, s in sizes(op)}
        assert stored.bytes - 32 == min(real.values()), (name, real)
        assert {str(s): count for count, s in sizes(op)} == real
    assert found == {"full": "dense", "scattered": "csr", "blocks": "bsr 1x4", "tall": "bsr 4x4"}


def test_blocks_of_a_wider_kernel_are_input_channels() -> None:
    weight = np.zeros((4, 8, 9), np.int8)
    weight[[0, 2], :4, 2] = 3  # four channels of one tap
    weight[1, 4:, 7] = 5
    op = conv(weight.reshape(4, -1), 8, 3)
    storage, _ = choose_i8(op)
    assert (str(storage), storage.tap_major) == ("bsr 1x4", True)
    from secateur.emit.constants import store

    stored = store(op.options.weight, storage, op.options.scales, 9)
    assert stored.tap_major
    assert stored.values.reshape(-1).tolist() == [3] * 4 + [5] * 4 + [3] * 4
    assert stored.index is not None
    assert stored.index.tolist() == [4, 15, 4]  # tap 2 of the first four channels, tap 7 of the others
