"""float16 between layers, end to end: where it stands, what it computes beside PyTorch, what it refuses.

On a CPU without arithmetic on f16 each operator computes in f32 and its output is rounded once; where there
is such arithmetic, sums are rounded at each step. The first is held here to PyTorch rounding the same
tensors, the second by tests/cpp/ops/f16_test.cc and tests/arm/test_half.py.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import secateur as sct
from secateur import _core
from secateur.emit import Exposed
from secateur.errors import InvalidArgumentError, MismatchError, ModelFileError, WeightError
from secateur.frontend.torch import export, lower
from secateur.ir import DType, Graph
from secateur.passes import core_for, optimise
from secateur.verify.stored import check_operators

UNIT = 2.0**-11  # half an ulp of 1 in float16


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.ReLU6(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Hardswish(),
        nn.Conv2d(8, 16, 1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 5),
    ).eval()


def half(x: torch.Tensor) -> torch.Tensor:
    return x.half().float()


@torch.no_grad()
def rounded(net: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
    """PyTorch in f32 with weights, inputs and what each layer and its activation make rounded to f16."""
    y = half(x)
    for layer in net:
        fused = isinstance(layer, (nn.ReLU, nn.ReLU6, nn.Hardswish))
        if isinstance(layer, nn.Conv2d):
            y = functional.conv2d(
                y, half(layer.weight), layer.bias, layer.stride, layer.padding, 1, layer.groups
            )
        elif isinstance(layer, nn.Linear):
            y = half(functional.linear(y, half(layer.weight), layer.bias))
        else:
            y = half(layer(y))
        assert fused or not isinstance(layer, nn.ReLU)
    return y


X = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def halved(net: nn.Module, x: torch.Tensor) -> Graph:
    graph = lower(export(net, x))
    optimise(graph, core_for("cortex-a76"), weights="float16", dtype="float16")
    return graph


def test_layers_are_f16_between_two_conversions() -> None:
    program = sct.compile(network(), X, dtype="float16", target="cortex-a76")
    kinds = [(layer.op, layer.dtype) for layer in program.layers]
    assert kinds[0] == ("Convert", "f32")
    assert kinds[1:] == [(op, "f16") for op, _ in kinds[1:]]
    assert kinds[-1][0] == "Convert"
    assert {layer.weight_dtype for layer in program.layers} == {"", "f16"}
    said = next(line for line in program.report if line.startswith("halve: "))
    assert said == "halve: 4 of 4 layers in f16; conversions: 1 f16 to f32, 1 f32 to f16"
    assert "f16: asked for; " in program.layers[1].reason
    assert program.session().run(X.numpy()).dtype == np.float32


def test_outputs_are_those_of_pytorch_rounding_the_same_tensors() -> None:
    net = network()
    got = sct.compile(net, X, dtype="float16").session().run(X.numpy())
    want = rounded(net, X).numpy()
    # Sums in another order fall on the other side of a middle now and then: some ulps of f16 at the end.
    assert np.abs(got - want).max() <= 8 * UNIT * np.abs(want).max()
    with torch.no_grad():
        plain = net(X).numpy()
    assert 0 < np.abs(got - plain).max() < 32 * UNIT * np.abs(plain).max()


def test_any_number_of_threads_gives_the_same_bits() -> None:
    program = sct.compile(network(), X, dtype="float16")
    one = program.session(threads=1).run(X.numpy())
    np.testing.assert_array_equal(program.session(threads=2).run(X.numpy()), one)


def test_the_file_and_the_memory_for_activations_are_half_as_large() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.Conv2d(64, 64, 3), nn.Conv2d(64, 4, 1)).eval()
    x = torch.randn(1, 3, 20, 20)
    plain, small = sct.compile(net, x), sct.compile(net, x, dtype="float16")
    weights = sum(p.numel() for p in net.parameters() if p.dim() > 1)
    assert plain.file_bytes - small.file_bytes == pytest.approx(2 * weights, rel=0.02)
    assert sum(value.type.dtype is DType.F16 for value in small.graph.values()) == 4
    assert small.unshared_bytes < 0.6 * plain.unshared_bytes  # with an f32 input and output beside them


def test_a_machine_without_f16_arithmetic_is_said() -> None:
    report = sct.compile(network(), X, dtype="float16", target="raspberry-pi-4").report
    assert any("cortex-a72 has no arithmetic on f16" in line for line in report)
    report = sct.compile(network(), X, dtype="float16", target="raspberry-pi-5").report
    assert not any("no arithmetic on f16" in line for line in report)


class Broadcasts(nn.Module):
    """A product of two computed tensors that no planes express, between two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 1)
        self.b = nn.Conv2d(4, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.a(x)
        y = y * y.mean(dim=2, keepdim=True) * y.mean(dim=3, keepdim=True)
        z: torch.Tensor = self.b(y)
        return z


def test_row_major_operators_are_islands_in_f32() -> None:
    torch.manual_seed(0)
    net, x = Broadcasts().eval(), torch.randn(1, 3, 5, 6)
    program = sct.compile(net, x, dtype="float16")
    dtypes = {layer.name: layer.dtype for layer in program.layers if layer.op == "Conv"}
    assert dtypes == {"a": "f16", "b": "f16"}
    said = next(line for line in program.report if line.startswith("halve: "))
    assert "of row-major tensors has no f16 form" in said
    converted = sum(layer.op == "Convert" for layer in program.layers)
    assert converted > 2
    assert converted == sum(
        int(part.split()[0]) for part in said.split("conversions: ")[1].split(";")[0].split(", ")
    )
    with torch.no_grad():
        want = net(x).numpy()
    assert np.abs(program.session().run(x.numpy()) - want).max() < 32 * UNIT * np.abs(want).max()


def test_attention_and_norms_of_an_encoder_run() -> None:
    torch.manual_seed(4)
    net = nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True).eval()
    x = torch.randn(1, 6, 16)
    program = sct.compile(net, x, dtype="float16")
    assert {layer.dtype for layer in program.layers if layer.op in ("Attention", "LayerNorm", "Conv")} == {
        "f16"
    }
    with torch.no_grad():
        want = net(x).numpy()
    assert np.abs(program.session().run(x.numpy()) - want).max() < 32 * UNIT * np.abs(want).max()


def test_an_operator_that_is_off_is_named() -> None:
    graph = halved(network(), X)
    values = Exposed(graph).run([X.numpy()])
    check_operators(graph, values)
    layer = next(op for op in graph.ops if op.name == "4")
    values[layer.output.name] = np.roll(values[layer.output.name], 1, axis=1)
    with pytest.raises(MismatchError, match="first in layer 4, Conv"):
        check_operators(graph, values)


def test_numbers_beyond_f16_are_an_error_that_names_the_layer() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.Conv2d(4, 2, 1, bias=False)).eval()
    with torch.no_grad():
        net[0].weight.fill_(300.0)
        net[1].weight.fill_(300.0)
    with pytest.raises(MismatchError, match=r"layer 1, Conv.*float16 ends at 65504: compile in float32"):
        sct.compile(net, torch.ones(1, 3, 4, 4), dtype="float16")


def test_a_weight_beyond_f16_is_an_error() -> None:
    net = nn.Conv2d(3, 4, 1).eval()
    with torch.no_grad():
        net.weight.fill_(1e5)
    with pytest.raises(WeightError, match="65504 of float16"):
        sct.compile(net, torch.ones(1, 3, 4, 4), dtype="float16")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "f16"}, "float32 or float16, not 'f16'"),
        ({"dtype": "int8"}, "int8 needs a description"),
        ({"dtype": "float16", "weights": "int8"}, "float16 weights, not int8"),
        ({"dtype": "float16", "quantize": sct.quantize.Quantization("n", "mse", 1)}, "leave out dtype"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        sct.compile(network(), X, **options)  # type: ignore[arg-type]


def unary_model(x: str, y: str) -> bytes:
    """A file of one relu on planes of those dtypes."""
    tensors = []
    for name, dtype, offset in (("x", x, 0), ("y", y, 256)):
        plane, batch = _core.plane_strides(1, 1, 3, 5, DType(dtype).numpy.itemsize)
        extents = {"batch": 1, "channels": 1, "height": 3, "width": 5}
        strides = {"plane_stride": plane, "batch_stride": batch, "arena_offset": offset}
        tensors.append({"name": name, "dtype": dtype, **extents, **strides})
    op = {"kind": "Unary", "name": "relu", "inputs": [0], "outputs": [1], "activation": ("relu", 0.0, 0.0)}
    ports = {n: [{"name": k, "tensor": i, "shape": [1, 1, 3, 5]}] for i, (n, k) in enumerate(PORTS)}
    spec = {"producer": "test", "name": "relu", "arena_bytes": 512, "tensors": tensors, "ops": [op], **ports}
    return _core.encode_model(spec)


PORTS = (("inputs", "x"), ("outputs", "y"))


def test_f16_goes_in_and_out_where_a_file_says_so() -> None:
    session = sct.Session(unary_model("f16", "f16"))
    x = np.arange(-7, 8, dtype=np.float16).reshape(1, 1, 3, 5)
    y = session.run(x)
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_a_file_that_mixes_f16_and_f32_is_refused() -> None:
    for dtypes, message in ((("f16", "f32"), "takes f16 in planes"), (("f32", "f16"), "takes f32 in planes")):
        with pytest.raises(ModelFileError, match=f"output 0 is {dtypes[1]} in planes, it {message}"):
            sct.Session(unary_model(*dtypes))
