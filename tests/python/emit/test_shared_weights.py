"""A layer used many times is stored once and packed once, in any format, and computes what it should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur import _core


class Loop(nn.Module):
    def __init__(self, uses: int, width: int = 96) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.uses, self.layer = uses, nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.uses):
            x = torch.relu(self.layer(x)) + x
        return x


def zeroed(model: Any, pattern: str) -> Any:
    """The layer's weight with zeros that give that storage format."""
    weight = model.layer.weight
    keep = torch.ones_like(weight, dtype=torch.bool)
    generator = torch.Generator().manual_seed(1)
    if pattern == "csr":
        keep = torch.rand(weight.shape, generator=generator) < 0.1
    elif pattern == "bsr":
        blocks = torch.rand(weight.shape[0] // 4, weight.shape[1], generator=generator) < 0.1
        keep = blocks.repeat_interleave(4, 0)
    elif pattern == "nm":
        places = torch.rand(weight.shape[0], weight.shape[1] // 8, 8, generator=generator)
        keep = (places == places.amax(2, keepdim=True)).reshape(weight.shape)
    with torch.no_grad():
        weight.mul_(keep)
    return model


@pytest.mark.parametrize("positions", [1, 20])
@pytest.mark.parametrize("pattern", ["dense", "csr", "bsr", "nm"])
def test_many_uses_are_stored_and_packed_as_one(pattern: str, positions: int) -> None:
    x = torch.randn(1, 96) if positions == 1 else torch.randn(1, positions, 96)
    once, often = (zeroed(Loop(n), pattern) for n in (1, 9))
    single, program = (sct.compile(m, x) for m in (once, often))
    kind = {"bsr": "bsr 4x1", "nm": "1:8"}.get(pattern, pattern)
    assert {row.format for row in program.layers if row.op == "Conv"} == {kind}
    # Beside the one weight: a few hundred bytes of description for each use.
    assert program.file_bytes < single.file_bytes + 8 * 1000
    with torch.no_grad():
        want = often(x).numpy()
    for isa in _core.available_isas():
        alone, session = (sct.Session(p, isa=isa) for p in (single, program))
        assert session.memory["packed"] == alone.memory["packed"]
        packed = [row["packed_bytes"] for row in session.layers if row["op"] == "Conv"]
        assert sum(p > 0 for p in packed) == 1
        np.testing.assert_allclose(session.run(x.numpy()), want, rtol=0, atol=1e-5 * np.abs(want).max())


class TwoPlaces(nn.Module):
    """One convolution on planes of two sizes, the last of them one position: three plans, one weight."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(16, 16, 3, padding=1, groups=groups)

    def forward(self, x: torch.Tensor) -> Any:
        a = self.layer(x)
        b = self.layer(nn.functional.max_pool2d(a, 4))
        c = self.layer(b.mean((2, 3), keepdim=True))
        return a, b, c, self.layer(torch.relu(c))


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("density", [1.0, 0.8, 0.2])
def test_one_weight_under_different_plans(groups: int, density: float) -> None:
    net = TwoPlaces(groups)
    with torch.no_grad():
        net.layer.weight.mul_(torch.rand_like(net.layer.weight) < density)
    x = torch.randn(1, 16, 20, 20)
    program = sct.compile(net, x)
    with torch.no_grad():
        wanted = net(x)
    for isa in _core.available_isas():
        for got, want in zip(sct.Session(program, isa=isa).run(x.numpy()), wanted, strict=True):
            np.testing.assert_allclose(got, want.numpy(), rtol=0, atol=1e-5)


def test_weights_that_became_different_are_kept_apart() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(4, 4, 1)
            self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(4)])
            for i, norm in enumerate(self.norms):
                nn.init.constant_(norm.weight, 1.0 + i)

        def forward(self, x: torch.Tensor) -> Any:
            return [norm(self.layer(x)) for norm in self.norms]

    net, x = Net().eval(), torch.randn(1, 4, 5, 5)
    program = sct.compile(net, x)
    for got, want in zip(program.session().run(x.numpy()), net(x), strict=True):
        np.testing.assert_allclose(got, want.detach().numpy(), rtol=0, atol=1e-5)


def test_equal_weights_of_different_layers_are_stored_once() -> None:
    twins = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    twins[2].load_state_dict(twins[0].state_dict())
    assert sct.compile(twins, torch.randn(1, 64)).file_bytes < 1.3 * 64 * 64 * 4


def test_a_recurrent_layer_is_stored_once() -> None:
    class Steps(nn.Module):
        """A cell that is called step by step, as Python's loops are exported."""

        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.LSTMCell(16, 16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h, c = self.cell(x[0])
            for row in x[1:]:
                h, c = self.cell(row, (h, c))
            return h

    cell = Steps()
    short, long = (sct.compile(cell, torch.randn(n, 1, 16)) for n in (3, 9))
    assert long.session().memory["packed"] == short.session().memory["packed"]
    stored = [sum(row.bytes for row in p.layers) for p in (short, long)]
    assert stored[1] - stored[0] >= 6 * 4 * 16 * 16 * 4  # six steps more, each of four 16 x 16 matrices
    assert long.file_bytes < short.file_bytes + 6 * 4 * 16 * 16 * 4


class Twice(nn.Module):
    """One recurrent layer over two sequences."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.GRU(16, 64)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        return self.layer(x)[0], self.layer(y)[0]


@pytest.mark.parametrize("sparsity", [0.0, 0.9])
def test_a_recurrent_layer_used_twice_is_packed_once(sparsity: float) -> None:
    model = Twice().eval()
    with torch.no_grad():
        for weight in (model.layer.weight_ih_l0, model.layer.weight_hh_l0):
            weight[weight.abs() < weight.abs().quantile(sparsity)] = 0
    session = sct.Session(sct.compile(model, (torch.randn(5, 1, 16), torch.randn(7, 1, 16))))
    packed = [row["packed_bytes"] for row in session.layers if row["op"] == "Recurrent"]
    biases = 4 * 192  # which each keeps
    assert len(packed) == 2
    assert min(packed) == biases < max(packed)
