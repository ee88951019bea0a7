"""Calibration end to end on small networks: what int8 computes, by its definitions, beside PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import secateur as sct
from secateur.errors import DTypeError, InvalidArgumentError, ShapeError
from secateur.ir import Graph
from secateur.ir.reference import run_graph
from secateur.passes.quantize import Quantization, quantise_graph
from secateur.quantize import sensitivity, static
from secateur.quantize.static import calibrated_form


class Block(nn.Module):
    """An inverted residual."""

    def __init__(self, channels: int, act: type[nn.Module]) -> None:
        super().__init__()
        wide = 2 * channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            act(),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            act(),
            nn.Conv2d(wide, channels, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.body(x)
        return y


def mobile(act: type[nn.Module] = nn.ReLU6) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), act(), Block(8, act), Block(8, act), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 10),
    ).eval()  # fmt: skip


def encoder() -> nn.Module:
    torch.manual_seed(4)
    return nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True).eval()


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn((count, 3, 16, 16), generator=torch.Generator().manual_seed(seed))


def quantised(net: nn.Module, x: torch.Tensor, q: Quantization) -> Graph:
    graph = calibrated_form(net, x)
    quantise_graph(graph, q)
    return graph


def relative(net: nn.Module, graph: Graph, xs: torch.Tensor) -> float:
    error = power = 0.0
    for x in xs:
        with torch.no_grad():
            want = net(x[None]).numpy()
        got = run_graph(graph, [x[None].numpy()])[0][0]
        error += float(((got - want) ** 2).sum())
        power += float((want**2).sum())
    return float(np.sqrt(error / power))


@pytest.mark.parametrize("act", [nn.ReLU6, nn.ReLU, nn.Hardswish, nn.SiLU, nn.GELU])
@pytest.mark.parametrize("method", ["minmax", "percentile", "mse", "robust"])
def test_int8_is_near_pytorch_on_other_inputs(act: type[nn.Module], method: str) -> None:
    net = mobile(act)
    q = static(net, images(32), example_inputs=images(1), method=method, keep_outputs=False)
    assert {layer.dtype for layer in q.layers.values()} == {"i8"}
    assert len(q.layers) == 8
    error = relative(net, quantised(net, images(1), q), images(8, seed=9))
    assert error < 0.06
    assert error < 3 * q.expected["output"]
    assert q.expected["output"] < 3 * error


def test_an_encoder_keeps_in_f32_what_has_no_form() -> None:
    net = encoder()
    x = torch.randn((16, 6, 16), generator=torch.Generator().manual_seed(0))
    q = static(net, x, example_inputs=x[:1])
    graph = quantised(net, x[:1], q)
    dtypes = {op.kind: str(op.inputs[0].type.dtype) for op in graph.ops if op.kind != "Convert"}
    assert (dtypes["Attention"], dtypes["LayerNorm"], dtypes["Conv"]) == ("i8", "f32", "i8")
    assert relative(net, graph, x[:4]) < 0.03


class Stream(nn.Module):
    """A residual stream, normalised for each branch, with one channel far larger than the others."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(16) for _ in range(3))
        self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x * torch.tensor([100.0] + [1.0] * 15)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = x + torch.relu(layer(norm(x)))
            x = x + layer(norm(x))
        return x / torch.tensor([100.0] + [1.0] * 15)


def test_a_residual_stream_that_is_normalised_stays_in_f32() -> None:
    torch.manual_seed(0)
    net = Stream().eval()
    x = torch.randn((12, 6, 16), generator=torch.Generator().manual_seed(0))
    q = static(net, x, example_inputs=x[:1], budget=None, keep_outputs=False)
    program = sct.compile(net, x[:1], quantize=q)
    sums = [row for row in program.layers if row.op == "Binary" and row.name.endswith("sum")]
    assert sums
    assert all("f32" in row.reason for row in sums[:-1])
    got = np.concatenate([np.asarray(program.session().run(one[None].numpy())) for one in x[:6]])
    with torch.no_grad():
        want = net(x[:6]).numpy()
    # A step of the stream is 2 at the least: rounded to bytes, channels of about 1 would be lost.
    assert float(np.abs(got - want).max()) < 0.1


def test_a_sum_beside_a_layer_that_is_kept_is_fused_again() -> None:
    net = encoder()
    x = torch.randn((4, 6, 16), generator=torch.Generator().manual_seed(0))
    q = static(net, x, example_inputs=x[:1], method="minmax", trials=0)
    assert {row.op for row in sct.compile(net, x[:1], quantize=q).layers} >= {"Binary"}
    kept = sct.compile(net, x[:1], quantize=q.keep(*q.layers))
    assert "Binary" not in {row.op for row in kept.layers}


def test_the_same_calibration_gives_the_same_description() -> None:
    a = static(mobile(), images(8), example_inputs=images(1))
    b = static(mobile(), [(x[None], 0) for x in images(8)], example_inputs=images(1))
    assert a.to_json() == b.to_json()


def test_saved_and_loaded(tmp_path: Any) -> None:
    q = static(mobile(), images(4), example_inputs=images(1))
    q.save(tmp_path / "q.json")
    assert Quantization.load(tmp_path / "q.json") == q
    with pytest.raises(InvalidArgumentError, match="no description stands at"):
        Quantization.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidArgumentError, match="cannot be read"):
        Quantization.load(tmp_path / "bad.json")
    assert f"7 of 8 layers in i8, by {q.method} over 4 batches; expected error output" in str(q)


def test_zeros_stay_zeros() -> None:
    net = mobile()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d) and module.groups == 1:
                module.weight[torch.rand(module.weight.shape) < 0.8] = 0
    q = static(net, images(8), example_inputs=images(1), equalise=False)
    plain = calibrated_form(net, images(1))
    made = {op.name: op for op in quantised(net, images(1), q).ops}
    for op in plain.ops:
        if op.kind == "Conv":
            assert np.all(made[op.name].options.weight[op.options.weight == 0] == 0)


def test_layers_are_kept_by_name_and_pattern() -> None:
    q = static(mobile(), images(4), example_inputs=images(1), keep=["0", "2.*"])
    kept = sorted(name for name, layer in q.layers.items() if layer.dtype == "f32")
    assert kept == ["0", "2.body.0", "2.body.3", "2.body.6", "6"]
    assert q.layers["6"].reason == "it makes an output"
    assert q.layers["0"].reason == "named by the caller"
    with pytest.raises(InvalidArgumentError, match=r"no layer 'stem' to keep in f32; layers: 0, 2\.body\.0"):
        static(mobile(), images(4), example_inputs=images(1), keep=["stem"])
    with pytest.raises(InvalidArgumentError, match="keep is a sequence"):
        static(mobile(), images(4), example_inputs=images(1), keep="0")


def test_layers_without_weights_are_kept_too() -> None:
    q = static(mobile(), images(4), example_inputs=images(1), keep=["4"], method="mse", trials=0)
    assert q.layers["4"].reason == "named by the caller"  # the global pool
    graph = quantised(mobile(), images(1), q)
    assert str(next(op for op in graph.ops if op.name == "4").inputs[0].type.dtype) == "f32"
    again = static(mobile(), images(4), example_inputs=images(1), method="mse", trials=0)
    assert again.keep("4") == Quantization(**{**q.__dict__, "layers": again.keep("4").layers})
    assert again.keep("2.*").layers["2.body.0"].dtype == "f32"
    assert "7 of 8 layers" in str(again.keep("4"))
    with pytest.raises(InvalidArgumentError, match="there is no layer 'pool' to keep in f32; layers: 0, "):
        again.keep("pool")


def test_the_method_whose_outputs_are_nearest_is_taken() -> None:
    xs = images(16)
    xs[:, :, 0, 0] *= 40  # outliers: ranges of "minmax" waste their steps
    options = {"example_inputs": images(1), "keep_outputs": False, "budget": None}
    single = {m: static(mobile(), xs, method=m, **options) for m in ("minmax", "percentile", "mse", "robust")}
    q = static(mobile(), xs, **options)
    assert q == single[q.method]
    assert max(q.expected.values()) == min(max(other.expected.values()) for other in single.values())
    assert len({max(other.expected.values()) for other in single.values()}) > 1


def test_expected_is_the_error_by_the_definitions() -> None:
    net, xs = mobile(nn.Hardswish), images(6)
    q = static(net, xs, example_inputs=images(1), method="mse")
    assert q.expected["output"] == pytest.approx(relative(net, quantised(net, images(1), q), xs), rel=1e-3)


def hurt() -> nn.Module:
    """A network that one layer makes bad: of its input's channels one drowns the others."""
    net = mobile(nn.ReLU)
    with torch.no_grad():
        net[2].body[6].weight[0] *= 300
        net[2].body[6].bias[0] *= 300
        net[3].body[0].weight[:, 0] /= 300
    return net


def test_a_budget_keeps_the_worst_layers_in_f32() -> None:
    options = {"example_inputs": images(1), "equalise": False, "method": "minmax", "keep_outputs": False}
    free = static(hurt(), images(8), budget=None, **options)
    half = max(free.expected.values()) / 2
    q = static(hurt(), images(8), budget=half, **options)
    kept = [name for name, layer in q.layers.items() if layer.dtype == "f32"]
    assert max(q.expected.values()) <= half < max(free.expected.values())
    assert 0 < len(kept) < len(q.layers) / 2
    assert "by more than" in q.layers[kept[0]].reason
    assert relative(hurt(), quantised(hurt(), images(1), q), images(8)) <= half * 1.01
    none = static(hurt(), images(8), budget=0.0, **options)
    assert {layer.dtype for layer in none.layers.values()} == {"f32"}
    assert none.expected == {"output": 0.0}


@pytest.mark.parametrize("last", [nn.Identity, nn.Sigmoid, nn.ReLU, lambda: nn.Softmax(1)])
def test_what_makes_an_output_stays_in_f32(last: Any) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3), last()).eval()
    xs = torch.randn(8, 4)
    q = static(net, xs, example_inputs=xs[:1], method="mse", trials=0)
    assert {name: layer.dtype for name, layer in q.layers.items()} == {"0": "i8", "2": "f32"}


def test_biases_are_corrected_for_what_rounding_takes() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 1, bias=False)).eval()
    with torch.no_grad():
        net[0].weight.copy_(torch.randn(6, 3, 1, 1))
        net[0].weight[:, 0] *= 20  # coarse steps for the others
    xs = images(16) + 2.0
    errors = {}
    for correct in (False, True):
        options = {"correct_bias": correct, "weights": "max", "keep_outputs": False}
        q = static(net, xs, example_inputs=xs[:1], **options)
        graph = quantised(net, xs[:1], q)
        difference = []
        for x in xs:
            with torch.no_grad():
                difference.append(run_graph(graph, [x[None].numpy()])[0][0] - net(x[None]).numpy())
        errors[correct] = np.abs(np.mean(difference, axis=(0, 1, 3, 4))).mean()
    assert errors[True] < 0.3 * errors[False]


def test_equalisation_helps_where_ranges_differ() -> None:
    net = mobile(nn.ReLU)
    with torch.no_grad():
        for block in (net[2], net[3]):
            scales = torch.logspace(-1.5, 1.5, 16)
            block.body[1].weight *= scales
            block.body[3].weight /= scales.reshape(-1, 1, 1, 1)
    errors = {
        on: relative(
            net,
            quantised(net, images(1), static(net, images(16), example_inputs=images(1), equalise=on)),
            images(6, seed=5),
        )
        for on in (False, True)
    }
    assert errors[True] < 0.5 * errors[False]
    assert static(net, images(2), example_inputs=images(1)).equalised


class Overflows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        with torch.no_grad():
            self.a.weight.fill_(1e25)
            self.b.weight.fill_(1e25)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.b(torch.relu(self.a(x)))
        return y


@pytest.mark.parametrize(
    ("given", "changes", "error", "message"),
    [
        ([], {}, InvalidArgumentError, "calibration set is empty"),
        (torch.ones(8, 3, 16, 16), {}, InvalidArgumentError, "a constant has no range"),
        (images(2) * float("nan"), {}, InvalidArgumentError, "NaN or infinite"),
        (images(2)[:, :, :8], {}, ShapeError, "takes"),
        (images(2).double().long(), {}, DTypeError, "int64"),
        (
            images(2),
            {"method": "entropy"},
            InvalidArgumentError,
            "known: auto, minmax, percentile, mse, robust",
        ),
        (images(2), {"weights": "int4"}, InvalidArgumentError, "known: max, mse"),
        (images(2), {"method": "percentile", "percentile": 3.0}, InvalidArgumentError, "percentile is 3"),
        (images(2), {"samples": 0}, InvalidArgumentError, "at least one batch"),
        (images(2), {"budget": -0.1}, InvalidArgumentError, r"budget is -0\.1; it is a share"),
        (images(2), {"budget": float("nan")}, InvalidArgumentError, "budget is nan"),
        (images(2), {"trials": -1}, InvalidArgumentError, "trials is -1"),
        (images(2), {"trials": 0}, InvalidArgumentError, "without trials no method is the best: name one"),
    ],
)
def test_bad_input_is_one_error(
    given: Any, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        static(mobile(), given, example_inputs=images(1), **changes)


def test_a_tensor_that_overflows_is_named() -> None:
    with pytest.raises(InvalidArgumentError, match=r"calibration batch \d makes '.*' NaN or infinite"):
        static(Overflows().eval(), torch.randn(4, 4), example_inputs=torch.randn(1, 4))


def test_a_network_with_a_state_is_calibrated_in_sequence() -> None:
    class Running(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.register_buffer("h", torch.zeros(1, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.h.copy_(self.h + x)
            return self.layer(self.h)

    xs = torch.ones(10, 4) + 0.1 * torch.randn(10, 4)
    q = static(Running().eval(), xs, example_inputs=xs[:1])
    most = max(t.most for t in q.tensors.values())
    assert most > 7  # the sum of ten


def test_sensitivity_finds_the_bad_layer() -> None:
    net = mobile(nn.ReLU)
    with torch.no_grad():
        net[3].body[0].weight[:, 0] *= 300  # one input channel drowns the others
        net[2].body[6].weight[0] *= 1 / 300
        net[2].body[6].bias[0] *= 1 / 300
    rows = sensitivity(net, images(8), example_inputs=images(1), equalise=False)
    assert len(rows) == 8
    assert [row.error for row in rows] == sorted((row.error for row in rows), reverse=True)
    assert rows[0].error > 0


def test_lazy_names() -> None:
    assert sct.quantize.static is static
    assert "quantize" in dir(sct)


def test_the_graph_is_left_alone() -> None:
    net = mobile()
    before = copy.deepcopy(net.state_dict())
    static(net, images(4), example_inputs=images(1))
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


def arrays() -> NDArray[np.float32]:
    return np.asarray(images(4).numpy())


def test_arrays_and_tensors_calibrate_alike() -> None:
    a = static(mobile(), arrays(), example_inputs=images(1), method="mse", trials=0)
    b = static(mobile(), images(4), example_inputs=images(1), method="mse", trials=0)
    assert a == b
    assert a.expected == {}


def test_saturation_is_said_with_its_layer() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()
    nn.init.ones_(net[0].weight)
    nn.init.zeros_(net[0].bias)
    x = torch.full((1, 3, 4, 4), 0.5)
    x[0, 0, 0, 0] = -1.0
    beyond = 4 * x  # 47 values of 2, and one of -4
    small = sct.compile(net, x, quantize=static(net, [x], example_inputs=x, method="minmax"))
    assert "saturate" not in " ".join(small.report)
    large = sct.compile(net, beyond, quantize=static(net, [x], example_inputs=x, method="minmax"))
    (said,) = [line for line in large.report if "saturate" in line]
    assert "most of all input 'input': 100% of its values lie outside -1 to 0.5" in said
    assert "calibrate on inputs like the examples" in said
