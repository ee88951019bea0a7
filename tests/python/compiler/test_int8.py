"""From PyTorch to int8 results: calibrated, compiled, run, the same bits everywhere as the definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur import _core
from secateur.errors import InvalidArgumentError, MismatchError
from secateur.ir import DType
from secateur.ir.reference import run_graph

SEED = torch.Generator().manual_seed(7)


class Bottleneck(nn.Module):
    """Of MobileNetV2: expand, depthwise, project, a residual."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        wide = 4 * inputs
        self.residual = inputs == outputs and stride == 1
        self.body = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.body(x)
        return x + y if self.residual else y


class Basic(nn.Module):
    """Of a CIFAR ResNet: two 3x3 convolutions, a residual before the activation."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))
        self.b = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        self.short = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.b(torch.relu(self.a(x))) + self.short(x))


class Squeeze(nn.Module):
    """Of MobileNetV3: a factor for each channel, from the mean of the channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.down(x.mean((2, 3), keepdim=True)))
        return nn.functional.hardswish(x * nn.functional.hardsigmoid(self.up(y)))


class Branches(nn.Module):
    """Of an Inception: concatenated branches, maxima, averages, grouped and dilated convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, 1, 1)
        self.a = nn.Conv2d(12, 8, 3, 1, 2, dilation=2)
        self.b = nn.Conv2d(12, 6, 5, 1, 2, groups=2)
        self.head = nn.Linear(26 * 9, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.silu(self.stem(x))
        y = [self.a(x), torch.sigmoid(self.b(x)), nn.functional.max_pool2d(x, 3, 1, 1)]
        return self.head(torch.flatten(nn.functional.avg_pool2d(torch.cat(y, 1), 4), 1))


def mobilenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6(), Bottleneck(8, 8, 1), Bottleneck(8, 12, 2),
        Bottleneck(12, 12, 1),
        nn.Conv2d(12, 40, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(40, 10),
    )  # fmt: skip


def resnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), Basic(16, 16, 1), Basic(16, 24, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10),
    )  # fmt: skip


def mobilenet_v3() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 10, 3, 2, 1), nn.Hardswish(), Squeeze(10), nn.Conv2d(10, 9, 1), nn.GELU()
    )


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(32, 4, 64, 0.0, batch_first=True)


IMAGE, TOKENS = (1, 3, 13, 15), (1, 9, 32)
NETWORKS = {
    "mobilenet": (mobilenet, (2, 3, 13, 15)),
    "resnet": (resnet, IMAGE),
    "mobilenet_v3": (mobilenet_v3, IMAGE),
    "branches": (Branches, (1, 3, 12, 12)),
    "encoder": (encoder, TOKENS),
}


def made(name: str, sparsity: float = 0.0, pattern: str = "element") -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(1)
    build, shape = NETWORKS[name]
    net = build().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.running_mean, 0, 0.1)
    if sparsity:
        sct.prune.prune_oneshot(net, pattern=pattern, sparsity=sparsity)
    return net, torch.randn((16 * shape[0], *shape[1:]), generator=SEED)


@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize(("sparsity", "pattern"), [(0.0, "element"), (0.8, "element"), (0.7, "1x4 by tap")])
def test_the_same_bits_on_every_instruction_set(name: str, sparsity: float, pattern: str) -> None:
    net, xs = made(name, sparsity, pattern)
    x = xs[: len(xs) // 16]
    q = sct.quantize.static(net, xs, example_inputs=x, keep_outputs=False)
    program = sct.compile(net, x, quantize=q)  # verifies every operator to the bit on this machine
    assert "int8 operators to the bit" in program.report[-1]
    (want,), _ = run_graph(program.graph, [x.numpy()])
    only = all(DType.I8 in {v.type.dtype for v in (*op.inputs, op.output)} for op in program.graph.ops)
    for isa in _core.available_isas():
        for threads in (1, 2):
            got = sct.Session(program, threads=threads, isa=isa).run(x.numpy())
            if only:
                np.testing.assert_array_equal(got, want, err_msg=f"{isa}, {threads} threads")
            else:  # f32 between: a code may round the other way
                assert np.sqrt(((got - want) ** 2).mean()) < 0.02 * np.sqrt((want**2).mean()), isa
    with torch.no_grad():
        exact = net(x).numpy()
    assert np.sqrt(((got - exact) ** 2).mean()) < 0.06 * np.sqrt((exact**2).mean())


def test_layers_say_their_dtype_and_why() -> None:
    net, xs = made("mobilenet", 0.8)
    q = sct.quantize.static(net, xs, example_inputs=xs[:2], keep=["2.*"], keep_outputs=False)
    program = sct.compile(net, xs[:2], quantize=q)
    layers = {layer.name: layer for layer in program.layers}
    assert (layers["0"].dtype, layers["0"].weight_dtype) == ("i8", "i8")
    assert layers["4.body.0"].reason.startswith("i8: calibrated; csr: ")
    assert (layers["2.body.0"].dtype, layers["2.body.0"].weight_dtype) == ("f32", "i8")
    assert layers["2.body.0"].reason.startswith("f32: named by the caller; ")
    said = next(line for line in program.report if line.startswith("quantize: "))
    assert "9 of 12 layers in i8; conversions: 2 f32 to i8, 2 i8 to f32; in f32: 2.body.0: named" in said
    assert "  i8 csr " in str(program)
    wide = sct.compile(net, xs[:2], quantize=q, weights="float32")
    assert {layer.weight_dtype for layer in wide.layers} == {"", "f32", "i8"}


def test_an_int8_file_is_a_quarter_and_sparse_less() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(64, 256, 1), nn.ReLU(), nn.Conv2d(256, 64, 3, padding=1)).eval()
    sct.prune.prune_oneshot(net, sparsity=0.9)
    xs = torch.randn(8, 64, 6, 6)  # the last layer is in f32, its weights i8
    q = sct.quantize.static(net, xs, example_inputs=xs[:1])
    layers = sct.compile(net, xs[:1], quantize=q).layers
    weights = sum(layer.bytes for layer in layers)
    assert weights < 0.06 * sum(layer.dense_bytes for layer in layers)


def test_activations_take_a_quarter() -> None:
    net, xs = made("resnet")
    q = sct.quantize.static(net, xs, example_inputs=xs[:1])
    plain, program = sct.compile(net, xs[:1]), sct.compile(net, xs[:1], quantize=q)
    assert program.arena_bytes < 0.5 * plain.arena_bytes  # the f32 input is held beside its codes


def test_a_state_lives_in_f32_between_int8_layers() -> None:
    class Leaky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.out = nn.Linear(8, 8), nn.Linear(8, 4)
            self.register_buffer("h", torch.zeros(1, 8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.h.copy_(0.5 * self.h + self.into(x))
            return self.out(self.h)

    torch.manual_seed(0)
    net, xs = Leaky().eval(), torch.randn(12, 8)
    q = sct.quantize.static(net, xs, example_inputs=xs[:1])
    session = sct.compile(net, xs[:1], quantize=q).session()
    net.h.zero_()
    for x in xs:
        with torch.no_grad():
            want = net(x[None]).numpy()
        np.testing.assert_allclose(session.run(x[None].numpy()), want, atol=0.05 * np.abs(want).max() + 0.02)


def test_a_description_of_another_network_is_refused() -> None:
    net, xs = made("resnet")
    q = sct.quantize.static(net, xs, example_inputs=xs[:1])
    other, ys = made("mobilenet")
    with pytest.raises(InvalidArgumentError, match="the description is of another network"):
        sct.compile(other, ys[:2], quantize=q)


def test_a_layer_out_of_line_is_named() -> None:
    net, xs = made("resnet")
    q = sct.quantize.static(net, xs, example_inputs=xs[:1], correct_bias=False)
    q.bias = {"3.a.0": [3.0] * 16}  # a correction that corrects nothing
    with pytest.raises(MismatchError, match=r"layer 3\.a\.0 is .* from f32 .* where calibration saw"):
        sct.compile(net, xs[:1], quantize=q)


def test_an_exported_program_is_calibrated_and_compiled(tmp_path: Any) -> None:
    net, xs = made("resnet")
    torch.export.save(torch.export.export(net, (xs[:1],)), tmp_path / "net.pt2")
    q = sct.quantize.static(tmp_path / "net.pt2", xs)
    q.save(tmp_path / "q.json")
    program = sct.compile(tmp_path / "net.pt2", quantize=type(q).load(tmp_path / "q.json"))
    direct = sct.compile(net, xs[:1], quantize=sct.quantize.static(net, xs, example_inputs=xs[:1]))
    np.testing.assert_array_equal(program.session().run(xs[:1].numpy()), direct.session().run(xs[:1].numpy()))


def test_dead_channels_go_four_at_a_time() -> None:
    """Whole quads, so that blocks of 1x4 stay over the quads that kernels take; in f32 each by itself."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 16, 3, bias=False), nn.ReLU(), nn.Conv2d(16, 8, 1)).eval()
    with torch.no_grad():
        net[0].weight[[1, 2, 4, 5, 6, 7, 9]] = 0
    x = torch.randn(1, 3, 12, 12)
    q = sct.quantize.static(net, torch.randn(8, 3, 12, 12), example_inputs=x)
    widths = {row.name: row.output_shape[1] for row in sct.compile(net, x, quantize=q).layers}
    assert widths["0"] == 12  # 4 to 7 are gone
    assert {row.name: row.output_shape[1] for row in sct.compile(net, x).layers}["0"] == 9


@pytest.mark.parametrize(("target", "said"), [("raspberry-pi-4", True), ("raspberry-pi-5", False)])
def test_a_target_without_dot_products_is_said(target: str, said: bool) -> None:
    net, x = nn.Conv2d(4, 8, 1).eval(), torch.randn(1, 4, 6, 6)
    q = sct.quantize.static(net, torch.randn(4, 4, 6, 6), example_inputs=x)
    report = " ".join(sct.compile(net, x, quantize=q, target=target).report)
    assert ("makes the file smaller there, not the inference faster" in report) is said
