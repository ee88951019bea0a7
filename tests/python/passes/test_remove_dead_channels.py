"""Channels that are constant or unread go, exactly; the others stay. PyTorch has the last word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import secateur as sct


def kill(conv: Any, *rows: int) -> None:
    with torch.no_grad():
        conv.weight[list(rows)] = 0


def compiled(net: nn.Module, x: torch.Tensor) -> sct.Program:
    """Compiled with the pass, after comparing with PyTorch on other inputs."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    net.eval()
    program = sct.compile(net, x)
    fresh = torch.randn(x.shape)
    with torch.no_grad():
        want = net(fresh)
    got = program.session().run(fresh.numpy())
    several = isinstance(want, (tuple, list))
    for mine, theirs in zip(got if several else [got], want if several else [want], strict=True):
        np.testing.assert_allclose(
            mine, theirs.numpy(), rtol=0, atol=2e-5 * max(1, float(theirs.abs().max()))
        )
    return program


def shapes(program: sct.Program) -> dict[str, tuple[int, ...]]:
    return {row.name: row.weight_shape for row in program.layers if row.weight_shape}


IMAGE = torch.zeros(2, 3, 9, 11)


class Net(nn.Module):
    """conv, norm, activation, [middle], conv."""

    def __init__(self, middle: nn.Module, activation: nn.Module, padding: int = 0, kernel: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm = nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.activation, self.middle = activation, middle
        self.last = nn.Conv2d(16, 8, kernel, padding=padding)
        kill(self.first, 1, 4, 5, 15)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.middle(self.activation(self.norm(self.first(x)))))


@pytest.mark.parametrize(
    "activation", [nn.ReLU(), nn.SiLU(), nn.Hardswish(), nn.GELU(), nn.LeakyReLU(), nn.Sigmoid()]
)
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 0)])
def test_zero_filters_with_norm_bias_and_activation_go(
    activation: nn.Module, kernel: int, padding: int
) -> None:
    program = compiled(Net(nn.Identity(), activation, padding, kernel), IMAGE)
    assert shapes(program) == {"first": (12, 27), "last": (8, 12 * kernel**2)}
    assert any("4 channels that are constant" in line for line in program.report)


@pytest.mark.parametrize(
    "middle",
    [
        nn.MaxPool2d(3, 2, 1),
        nn.AvgPool2d(2),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.AdaptiveAvgPool2d(1),
        nn.ReLU6(),
    ],
)
def test_through_operators_that_keep_channels_apart(middle: nn.Module) -> None:
    program = compiled(Net(middle, nn.SiLU(), kernel=1), IMAGE)
    assert shapes(program) == {"first": (12, 27), "last": (8, 12)}


def test_a_constant_under_padding_stays_where_it_is_not_zero() -> None:
    net = Net(nn.Identity(), nn.Sigmoid(), padding=1)
    assert shapes(compiled(net, IMAGE)) == {"first": (16, 27), "last": (8, 144)}
    net = Net(nn.AvgPool2d(3, 2, 1), nn.Sigmoid(), kernel=1)  # counts its padding
    assert shapes(compiled(net, IMAGE))["first"] == (16, 27)
    net = Net(nn.Identity(), nn.ReLU(), padding=1)
    net.norm = nn.Identity()  # type: ignore[assignment]
    with torch.no_grad():
        net.first.bias.fill_(-1)  # the activation makes zero of it, which padding is too
    assert shapes(compiled(net, IMAGE)) == {"first": (12, 27), "last": (8, 108)}


class Separable(nn.Module):
    def __init__(self, padding: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.na = nn.Conv2d(3, 16, 1), nn.BatchNorm2d(16)
        self.dw, self.nd = nn.Conv2d(16, 16, 3, padding=padding, groups=16), nn.BatchNorm2d(16)
        self.b = nn.Conv2d(16, 8, 1)
        kill(self.a, 0, 7)
        kill(self.dw, 3, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.sigmoid(self.nd(self.dw(torch.sigmoid(self.na(self.a(x)))))))


def test_depthwise_layers() -> None:
    assert shapes(compiled(Separable(0), IMAGE)) == {"a": (13, 3), "dw": (13, 3, 3), "b": (8, 13)}
    # Under padding channel 0 varies at the borders; a dead filter is constant whatever it reads.
    assert shapes(compiled(Separable(1), IMAGE)) == {"a": (14, 3), "dw": (14, 3, 3), "b": (8, 14)}


def test_a_channel_that_nobody_reads_goes_with_all_that_made_it() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 1))
    with torch.no_grad():
        net[4].weight[:, 8:] = 0  # type: ignore[index]
        net[2].weight[:8, 10:] = 0  # type: ignore[index]
    assert shapes(compiled(net, IMAGE)) == {"0": (10, 3), "2": (8, 90), "4": (4, 8)}


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.a, self.b = (nn.Conv2d(i, 16, 1) for i in (3, 16, 16))
        self.head = nn.Conv2d(16, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        return self.head(torch.relu(x + self.b(torch.relu(self.a(x)))))


def test_additions_keep_what_one_side_has() -> None:
    net = Residual()
    kill(net.b, 2, 3)  # the other side is alive there
    kill(net.a, 5)
    assert shapes(compiled(net, IMAGE)) == {"stem": (16, 3), "a": (15, 16), "b": (16, 15), "head": (4, 16)}
    kill(net.stem, 2, 3)  # now both sides are constant
    got = shapes(compiled(net, IMAGE))
    assert got == {"stem": (14, 3), "a": (15, 14), "b": (14, 15), "head": (4, 14)}


class Joined(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 8, 1)
        self.head, self.side = nn.Conv2d(16, 4, 3), nn.Conv2d(8, 4, 1)
        kill(self.a, 0, 1)
        kill(self.b, 7)

    def forward(self, x: torch.Tensor) -> Any:
        a, b = F.silu(self.a(x)), F.silu(self.b(x))
        both = torch.cat([a, b], 1)
        return self.head(both), self.side(b), both[:, 2:6] * 2


def test_concatenations_slices_and_outputs() -> None:
    net = Joined()
    assert shapes(compiled(net, IMAGE)) == {"a": (6, 3), "b": (7, 3), "head": (4, 13 * 9), "side": (4, 7)}


def test_flattened_and_per_position_constants() -> None:
    torch.manual_seed(0)
    table = torch.randn(8, 7, 9)

    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8 * 63, 5)
            with torch.no_grad():
                self.head.weight[:, 63:126] = 0  # the second plane is not read

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head((torch.relu(self.conv(x)) + table).flatten(1))

    assert shapes(compiled(Table(), IMAGE)) == {"conv": (7, 27), "head": (5, 441)}


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, groups=2), nn.Conv2d(8, 4, 1)),
        nn.Sequential(nn.Conv2d(3, 8, 1)),
    ],
)
def test_groups_and_outputs_keep_their_channels(net: nn.Sequential) -> None:
    torch.manual_seed(0)
    kill(net[0], 0, 5)
    assert shapes(compiled(net, IMAGE))["0"] == (8, 3)


def test_a_dead_layer_keeps_a_channel() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()
    kill(net[0], *range(8))
    program = sct.compile(net, IMAGE, allow_empty=True)
    assert shapes(program) == {"0": (1, 3), "2": (4, 1)}
    with torch.no_grad():
        want = net(torch.ones_like(IMAGE)).numpy()
    np.testing.assert_allclose(program.session().run(np.ones(IMAGE.shape, np.float32)), want, atol=1e-6)


def test_norms_and_attention_read_every_channel() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    kill(layer.linear1, 3, 4, 5)
    with torch.no_grad():
        layer.linear1.bias[3:5] = torch.tensor([0.5, -0.5])
    x = torch.randn(1, 5, 16)
    program = sct.compile(layer, x)
    assert shapes(program)["linear1"] == (29, 16)
    assert shapes(program)["linear2"] == (16, 29)


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_with_random_dead_channels(seed: int) -> None:
    """Zero rows and columns anywhere: the result is PyTorch's."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    width, layers = 12, []
    channels = 3
    for _ in range(4):
        kind = rng.integers(4)
        if kind == 0 and channels == width:
            layers.append(nn.Conv2d(width, width, 3, padding=int(rng.integers(2)), groups=width))
        elif kind == 1:
            layers.append([nn.MaxPool2d(2, 1), nn.AvgPool2d(3, 1, 1), nn.ZeroPad2d(1)][int(rng.integers(3))])
        else:
            layers += [nn.Conv2d(channels, width, int(rng.choice([1, 3])), padding=int(rng.integers(2)))]
            channels = width
        if channels == width:
            layers += [nn.BatchNorm2d(width)] if rng.integers(2) else []
            layers += [[nn.ReLU(), nn.SiLU(), nn.Sigmoid(), nn.Identity()][int(rng.integers(4))]]
    net = nn.Sequential(*layers, nn.Conv2d(channels, 5, 1))
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                module.weight[torch.rand(module.weight.shape[0]) < 0.3] = 0
                module.weight[:, torch.rand(module.weight.shape[1]) < 0.2] = 0
                module.weight[0, 0] = 1  # not empty
    compiled(net, torch.zeros(2, 3, 9, 11))
