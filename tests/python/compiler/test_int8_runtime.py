"""int8 networks in the runtime: every operator to the bit, the same on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur import _core
from secateur.quantize import static


class EveryOperator(nn.Module):
    """Windows of many kinds, a gate, two branches side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 10, 5, 2, 2)
        self.wide = nn.Conv2d(10, 10, 5, 1, 4, dilation=2, groups=10)
        self.greatest = nn.MaxPool2d(3, 2, 1)
        self.mean = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.mix = nn.Conv2d(10, 13, 1)
        self.gate = nn.Conv2d(13, 13, 1)
        self.strided = nn.Conv2d(10, 10, 3, 2, 1, groups=10)
        self.head = nn.Linear(23, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.greatest(nn.functional.silu(self.wide(torch.relu(self.stem(x)))))
        w = self.mix(self.mean(y))
        w = w * torch.sigmoid(self.gate(w.mean((2, 3), keepdim=True)))
        v = nn.functional.pad(self.strided(y), (0, 4, 0, 4))
        z: torch.Tensor = self.head(torch.cat([w, v], 1).amax((2, 3)))
        return z


@pytest.fixture(scope="module")
def program() -> sct.Program:
    torch.manual_seed(0)
    net = EveryOperator().eval()
    x = torch.randn(8, 3, 31, 31)
    q = static(net, x, example_inputs=x[:1], keep_outputs=False, budget=None)
    return sct.compile(net, x[:1], quantize=q)


def test_every_operator_to_the_bit(program: sct.Program) -> None:
    assert any("18 int8 operators to the bit, 0 in f32" in line for line in program.report)
    kinds = {row.op for row in program.layers}
    assert kinds >= {"Binary", "Concat", "Conv", "Convert", "Depthwise", "GlobalPool", "Pad", "Pool", "Unary"}


def test_the_same_bits_everywhere(program: sct.Program) -> None:
    x = np.random.default_rng(1).standard_normal((1, 3, 31, 31), np.float32)
    x[0, 0, 0, :3] = [np.nan, np.inf, -np.inf]  # the zero point, and the ends of the range
    want = sct.Session(program, isa="scalar").run(x)
    assert np.isfinite(want).all()
    for isa in _core.available_isas():
        for threads in range(1, min(4, _core.available_cpus()) + 1):
            got = sct.Session(program, isa=isa, threads=threads).run(x)
            np.testing.assert_array_equal(got, want, err_msg=f"{isa}, {threads} threads")
