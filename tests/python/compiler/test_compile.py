"""Whole networks through compile and the runtime; verification and the naming of what is off."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.errors import MismatchError
from secateur.ir import Graph
from secateur.passes import pipeline
from secateur.passes.base import Outcome, Pass
from secateur.passes.cost_model import Core
from secateur.zoo.encoder import Encoder
from secateur.zoo.mobilenet import MobileNetV1, MobileNetV2
from secateur.zoo.resnet import ResNet50

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from models.cifar_resnet import CifarResNet
from models.squeezenet import SqueezeNet10
from models.tiny_darknet import TinyDarknet

NETWORKS: dict[str, tuple[Any, tuple[int, ...], int]] = {
    # network, input, operators after the passes
    "mobilenet_v1": (lambda: MobileNetV1(0.25, 10), (1, 3, 40, 40), 29),
    "mobilenet_v1 tf padding": (lambda: MobileNetV1(0.25, 10, tf_padding=True), (1, 3, 64, 64), 29),
    "mobilenet_v2": (lambda: MobileNetV2(10), (1, 3, 40, 40), 54),
    "resnet50": (lambda: ResNet50(10), (1, 3, 40, 40), 56),
    "encoder": (lambda: Encoder(2, 24, 3, 40), (1, 10, 24), 19),
    "squeezenet": (lambda: SqueezeNet10(10), (1, 3, 45, 51), 38),
    "tiny_darknet": (lambda: TinyDarknet(10), (1, 3, 40, 40), 21),
    "cifar_resnet": (lambda: CifarResNet(20), (2, 3, 32, 32), 27),
}


def settled(name: str, sparsity: float = 0.0) -> tuple[nn.Module, torch.Tensor]:
    """The network with activations of a normal size, and some of its weights zero."""
    from secateur.zoo.initialise import initialise

    make, shape, _ = NETWORKS[name]
    torch.manual_seed(0)
    net, x = make(), torch.randn(shape)
    initialise(net, x)
    with torch.no_grad():
        for parameter in net.parameters():
            if sparsity and parameter.dim() > 1:
                parameter.mul_(torch.rand_like(parameter) >= sparsity)
    return net.eval(), x


LARGE = ("resnet50", "mobilenet_v2")


@pytest.mark.parametrize(
    "name", [n if n not in LARGE else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS]
)
@pytest.mark.parametrize("sparsity", [0.0, 0.8])
def test_network(name: str, sparsity: float) -> None:
    net, x = settled(name, sparsity)
    program = sct.compile(net, x, allow_empty=True)
    assert len(program.layers) == NETWORKS[name][2]
    fresh = torch.randn_like(x)
    with torch.no_grad():
        want = net(fresh).numpy()
    got = program.session(threads=1).run(fresh.numpy())
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 * np.abs(want).max())
    weighted = [layer for layer in program.layers if layer.op == "Conv"]
    assert all(layer.reason for layer in weighted)
    if sparsity:
        assert sum(layer.format != "dense" for layer in weighted) > len(weighted) / 2
        assert 0.7 < program.sparsity < 0.9
    else:
        assert all(layer.format == "dense" for layer in weighted)


def test_layers_and_report() -> None:
    net = nn.Sequential(nn.Conv2d(3, 16, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 1))
    with torch.no_grad():
        net[3].weight.mul_((torch.arange(16) == torch.arange(32).reshape(-1, 1) % 16)[:, :, None, None])
    program = sct.compile(net, torch.ones(1, 3, 6, 6), target="raspberry-pi-4", name="two")
    first, second = program.layers
    assert program.name == "two"
    assert (first.name, first.op, first.activation, first.format) == ("0", "Conv", "relu", "dense")
    assert (second.name, second.nnz, second.weight_shape) == ("3", 32, (32, 16))
    assert second.sparsity == pytest.approx(15 / 16)
    assert second.macs == 32 * 36
    assert second.dense_macs == 512 * 36
    assert second.bytes < 0.15 * second.dense_bytes + 2 * 32
    assert second.source == "" or ":" in second.source
    assert any("folded" in line for line in program.report)
    assert "two" in repr(program)
    assert "3 " in str(program)
    assert program.inputs == {"input": (1, 3, 6, 6)}
    assert list(program.outputs.values()) == [(1, 32, 6, 6)]
    assert program.file_bytes == len(program.to_bytes())


def test_compiling_leaves_the_model_alone() -> None:
    net, x = settled("mobilenet_v1")
    before = {k: v.clone() for k, v in net.state_dict().items()}
    sct.compile(net, x)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_the_same_network_gives_the_same_bytes() -> None:
    net, x = settled("encoder")
    assert sct.compile(net, x).to_bytes() == sct.compile(net, x).to_bytes()


def test_nan_and_infinite_inputs_flow_as_in_pytorch() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)).eval()
    program = sct.compile(net, torch.randn(1, 4))
    for value in (float("nan"), float("inf")):
        x = torch.tensor([[1.0, value, 0.0, 2.0]])
        with torch.no_grad():
            want = net(x).numpy()
        got = program.session().run(x.numpy())
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        finite = np.isfinite(want)
        np.testing.assert_allclose(got[finite], want[finite], rtol=1e-5)


# --- verification ------------------------------------------------------------


def test_a_wrong_pass_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(graph: Graph, _: Core) -> Outcome:
        op = graph.ops[-1]
        if op.options.bias[0] == 100:
            return Outcome(False)
        op.options.bias = op.options.bias.copy()
        op.options.bias[0] = 100
        return Outcome(True, "spoiled")

    wrong = (*pipeline.FINAL_PASSES, Pass("spoil", spoil))
    monkeypatch.setattr(pipeline, "FINAL_PASSES", wrong)
    monkeypatch.setattr("secateur.verify.culprit.FINAL_PASSES", wrong)
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    with pytest.raises(MismatchError, match="after the pass spoil"):
        sct.compile(net, torch.randn(1, 4))
    assert sct.compile(net, torch.randn(1, 4), verify=False).layers


def test_a_wrong_translation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from secateur.frontend.torch.registry import READERS

    monkeypatch.setitem(READERS, "tanh.default", lambda b, a: b.unary(a.tensor("self"), "sigmoid"))
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    with pytest.raises(MismatchError, match=r"translation: 1, aten\.tanh"):
        sct.compile(net, torch.randn(1, 4))


def test_a_wrong_kernel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from secateur.emit import constants

    original = constants.store

    def spoiled(weight: Any, storage: Any, *rest: Any) -> Any:
        if weight.shape == (5, 4):
            weight = weight * 1.01
        return original(weight, storage, *rest)

    monkeypatch.setattr(constants, "store", spoiled)
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    with pytest.raises(MismatchError, match="runtime: layer 2"):
        sct.compile(net, torch.randn(1, 4))


def test_amplified_roundings_are_not_a_mismatch() -> None:
    class Cancels(nn.Module):
        """The output is what is left of large terms: its roundings exceed any share of its size."""

        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(64, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.a(x) * 1e4
            return (y + 1.0) - y

    sct.compile(Cancels(), torch.randn(1, 64))
