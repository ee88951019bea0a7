"""What cannot be compiled is refused in one sentence that names all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur.errors import (
    DTypeError,
    InvalidArgumentError,
    ModelFileError,
    ModelNotFoundError,
    SecateurError,
    ShapeError,
    UnsupportedOperatorError,
    WeightError,
)

IMAGE = torch.ones(1, 3, 8, 8)


class Fn(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.digamma(self.conv(x)).i0()
        return torch.lgamma(y) + torch.erfinv(y).i0()


def test_every_unsupported_operator_is_listed_once() -> None:
    with pytest.raises(UnsupportedOperatorError) as caught:
        sct.compile(Several(), IMAGE)
    message = str(caught.value)
    for part in ("i0.default x2", "lgamma.default", "erfinv", "digamma", "test_refusals.py:"):
        assert part in message, message
    assert message.count("i0") == 1
    assert isinstance(caught.value, NotImplementedError)


@pytest.mark.parametrize(
    ("function", "part"),
    [
        (lambda x: F.fractional_max_pool2d(x, 2, 3), "fractional_max_pool2d"),
        (lambda x: torch.ones(3), "does not depend|constant"),
        (lambda x: x[:, torch.rand(3).argsort()], r"aten\.rand\.default \(random numbers"),
        (lambda x: x * torch.bernoulli(torch.full((8,), 0.5)), "random numbers"),
        (lambda x: F.dropout(x, 0.5, training=True), "dropout|training"),
    ],
)
def test_reasons_are_given(function: Any, part: str) -> None:
    with pytest.raises(UnsupportedOperatorError, match=part):
        sct.compile(Fn(function), IMAGE)


class Heads(nn.Module):
    """Two detection heads as SSD has them: anchors and classes side by side on the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.heads = nn.ModuleList([nn.Conv2d(4, 12, 3), nn.Conv2d(4, 12, 3, 2)])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        y = self.stem(x).relu()
        return [head(y).permute(0, 2, 3, 1).reshape(1, -1, 6).i0() for head in self.heads]


def test_a_wrong_reading_does_not_hide_the_cause() -> None:
    """Read as [B, H, W, C] the network fails at once, at its first layer, and in nothing else."""
    with pytest.raises(UnsupportedOperatorError, match=r"^1 operator .*i0\.default x2 at") as caught:
        sct.compile(Heads(), IMAGE)
    assert "conv" not in str(caught.value)


def test_what_lies_behind_a_failure_is_named() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        y = x.permute(0, 2, 3, 1).reshape(1, -1, 6).i0()  # 32 x 6
        z = y.reshape(1, 4, 8, 6) ** 4000
        return F.avg_pool2d(z, 2, divisor_override=3, ceil_mode=True)

    with pytest.raises(UnsupportedOperatorError, match="3 operators") as caught:
        sct.compile(Fn(function), IMAGE)
    for part in ("i0.default", "the power 4000", "divisor_override"):
        assert part in str(caught.value)


def test_what_follows_from_a_failure_is_not_named() -> None:
    """What reads a result that could not be had is not refused for the order of its dimensions."""

    def function(x: torch.Tensor) -> torch.Tensor:
        scores = (x @ x.transpose(1, 2)).i0()
        return (scores.softmax(-1) @ x).transpose(1, 2)

    with pytest.raises(UnsupportedOperatorError, match=r"^1 operator is .*i0\.default at"):
        sct.compile(Fn(function), torch.ones(1, 6, 8))


def test_operators_are_called_what_the_source_calls_them() -> None:
    """It is decomposed into operators without a reader; the network says mvlgamma, twice."""
    with pytest.raises(UnsupportedOperatorError, match=r"^1 operator is .*: aten\.mvlgamma\.default x2 at"):
        sct.compile(Fn(lambda x: torch.mvlgamma(torch.mvlgamma(x, 1), 1)), IMAGE)


def test_a_reader_that_fails_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw in a reader is reported as an operator that is not taken, beside all others."""
    import secateur.frontend.torch.walk as walk

    def broken(*_: Any) -> Any:
        raise ValueError("all elements must be non-negative\nsecond line")

    monkeypatch.setitem(walk.READERS, "tanh.default", broken)
    monkeypatch.setitem(walk.READERS, "relu.default", lambda b, a: b.flatten(a.tensor("self")))
    with pytest.raises(UnsupportedOperatorError) as caught:
        sct.compile(Fn(lambda x: torch.erfinv(torch.tanh(x)) + torch.relu(x)), IMAGE)
    message = str(caught.value)
    for part in ("aten.tanh.default", "unexpected ValueError: all elements must be non-negative", "erfinv"):
        assert part in message, message
    assert "test_refusals.py:" in message
    assert "second line" not in message


class Keeps(nn.Module):
    """Keeps what it computed, as detection heads keep their anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.grid, self.size = torch.empty(0), None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.size != x.shape:
            self.grid, self.size = torch.arange(x.shape[-1], dtype=x.dtype) + 0.5, x.shape
        return x * self.grid


def test_what_a_network_keeps_of_a_call_stays_its_own() -> None:
    model, x = Keeps(), torch.randn(2, 3, 5)
    sct.compile(model, x, verify=False)
    assert model.size is None
    assert model.grid.numel() == 0
    program = sct.compile(model, x)
    got = sct.Session(program).run(x.numpy())
    np.testing.assert_allclose(got, (x * (torch.arange(5) + 0.5)).numpy(), rtol=1e-6)


class KeepsInside(nn.Module):
    """What it computes lies in a dictionary and a list of its own, as LeViT's biases do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 5))
        self.cache: dict[str, torch.Tensor] = {}
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if "w" not in self.cache:
            self.cache["w"] = self.weight[:, [0, 2, 1, 4, 3]]
            self.seen.append(self.cache["w"].sum())
        return x @ self.cache["w"] + self.seen[0]


def test_what_a_network_keeps_in_its_dictionaries_stays_its_own() -> None:
    model, x = KeepsInside(), torch.randn(2, 4)
    program = sct.compile(model, x, verify=False)
    assert model.cache == {}
    assert model.seen == []
    assert sct.compile(model, x).outputs == program.outputs
    np.testing.assert_allclose(program.session().run(x.numpy()), model(x).detach().numpy(), atol=2e-6)


class Hooks(nn.Module):
    """It listens to its layer from its first run on, as transformers do for hidden states."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.ready = nn.Linear(4, 4), False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.ready:
            self.layer.register_forward_hook(lambda module, args, y: y * 2)
            self.ready = True
        y: torch.Tensor = self.layer(x)
        return y


def test_hooks_of_the_first_run_are_made_once() -> None:
    torch.manual_seed(0)
    model, x = Hooks(), torch.randn(2, 4)
    got = sct.Session(sct.compile(model, x)).run(x.numpy())
    np.testing.assert_allclose(got, model(x).detach().numpy(), atol=2e-6)
    assert len(model.layer._forward_hooks) == 1


def test_inputs_are_checked() -> None:
    net = nn.Conv2d(3, 4, 3)
    with pytest.raises(DTypeError, match="input 0 is float64"):
        sct.compile(net, IMAGE.double())
    with pytest.raises(DTypeError, match=r"int16; .*numbers of tokens are int32 or int64"):
        sct.compile(nn.Embedding(4, 4), torch.zeros(1, 3, dtype=torch.int16))
    with pytest.raises(ShapeError, match="size 0 in dimension 0"):
        sct.compile(net, torch.ones(0, 3, 8, 8))
    with pytest.raises(ShapeError, match="6 dimensions"):
        sct.compile(nn.ReLU(), torch.ones(1, 1, 1, 1, 1, 1))
    with pytest.raises(InvalidArgumentError, match="example inputs"):
        sct.compile(net)
    with pytest.raises(InvalidArgumentError, match="not a tensor"):
        sct.compile(net, [[1.0, 2.0]])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="list"):
        sct.compile([1], IMAGE)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="raspberry-pi-4"):
        sct.compile(net, IMAGE, target="toaster")


def test_dynamic_shapes_are_refused() -> None:
    batch = torch.export.Dim("batch", min=1, max=8)
    exported = torch.export.export(
        nn.Linear(3, 2).eval(), (torch.ones(2, 3),), dynamic_shapes={"input": {0: batch}}
    )
    with pytest.raises(ShapeError, match="'input' has a dynamic size in dimension 0"):
        sct.compile(exported, torch.ones(2, 3))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers(value: float) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    with torch.no_grad():
        net[0].weight[0, 0, 0, :2] = value
    with pytest.raises(WeightError, match=r"0\.weight holds 2 values"):
        sct.compile(net, IMAGE)


def test_empty_layers_are_named() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    with torch.no_grad():
        net[2].weight.zero_()
        net[4].weight.zero_()
    with pytest.raises(WeightError, match="zero in 2, 4"):
        sct.compile(net, IMAGE)
    program = sct.compile(net, IMAGE, allow_empty=True)
    assert program.layers[1].sparsity == 1


def test_files(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        sct.compile(tmp_path / "none.pt2", IMAGE)
    bad = tmp_path / "bad.pt2"
    bad.write_bytes(b"not a program")
    with pytest.raises(ModelFileError, match=r"bad\.pt2"):
        sct.compile(bad, IMAGE)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    torch.export.save(torch.export.export(net, (IMAGE,)), tmp_path / "net.pt2")
    program = sct.compile(tmp_path / "net.pt2")
    assert program.name == "net"
    assert [layer.name for layer in program.layers] == ["0"]


def test_training_mode_is_the_users() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    net.train()
    net[1].eval()
    sct.compile(net, IMAGE)
    assert [m.training for m in net] == [True, False, True]


def test_exports_in_training_mode_are_refused() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    exported = torch.export.export(net, (IMAGE,))
    with pytest.raises(SecateurError, match=r"eval|changes"):
        sct.compile(exported, IMAGE)
