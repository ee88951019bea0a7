"""Random networks of convolutions, pools, joins, slices and norms, pruned and not: against PyTorch."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import secateur as sct


class Step(NamedTuple):
    kind: str
    left: int  # values that it reads
    right: int
    module: int


POOLS = (
    nn.MaxPool2d(2),
    nn.AvgPool2d(3, 2, 1),
    nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    nn.AvgPool2d(2, ceil_mode=True),
)
KINDS = [
    "conv",
    "conv",
    "depthwise",
    "norm",
    "act",
    "act",
    "pool",
    "add",
    "cat",
    "mul",
    "gate",
    "slice",
    "pad",
    "scale",
    "layer_norm",
    "softmax",
]


class RandomNetwork(nn.Module):
    """[N, 4, 12, 10] -> two of its values; the same seed gives the same network."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.steps: list[Step] = []
        self.parts = nn.ModuleList()
        values = [torch.zeros(1, 4, 12, 10)]
        for _ in range(10):
            step = self._step(values)
            if step is not None:
                values.append(self.apply_step(step, values))
                self.steps.append(step)
        self.outs = (len(values) - 1, self.random.randrange(len(values)))

    def _step(self, values: list[torch.Tensor]) -> Step | None:
        r = self.random
        kind, left = r.choice(KINDS), r.randrange(len(values))
        right = left
        channels, *size = values[left].shape[1:]
        if kind in ("conv", "depthwise", "pool") and min(size) < 3:
            return None
        module: nn.Module = nn.Identity()
        if kind == "conv":
            groups, kernel = r.choice([1, 1, 2]) if channels % 2 == 0 else 1, r.choice([1, 1, 3])
            outputs, stride, padding = r.choice([2, 4, 6, 8]), r.choice([1, 1, 2]), r.choice([0, kernel // 2])
            module = nn.Conv2d(channels, outputs, kernel, stride, padding, groups=groups)
            with torch.no_grad():
                module.weight.mul_(torch.rand_like(module.weight) >= r.choice([0, 0, 0.5, 0.9]))
        elif kind == "depthwise":
            module = nn.Conv2d(channels, channels, 3, r.choice([1, 2]), 1, groups=channels)
        elif kind == "norm":
            module = nn.BatchNorm2d(channels)
            nn.init.normal_(module.running_mean)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
        elif kind == "act":
            module = r.choice([nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.GELU, nn.Tanh])()
        elif kind == "pool":
            module = r.choice(POOLS)
        elif kind == "gate":
            module = nn.Conv2d(channels, channels, 1)
        elif kind in ("add", "mul", "cat"):
            fits = [
                i
                for i, v in enumerate(values)
                if list(v.shape[2:]) == size and (kind == "cat" or v.shape[1] == channels)
            ]
            right = r.choice(fits)
        self.parts.append(module.eval())
        return Step(kind, left, right, len(self.parts) - 1)

    def apply_step(self, step: Step, values: list[torch.Tensor]) -> torch.Tensor:
        x, y, module = values[step.left], values[step.right], self.parts[step.module]
        if step.kind == "add":
            return x + y
        if step.kind == "mul":
            return x * y
        if step.kind == "cat":
            return torch.cat([x, y], 1)
        if step.kind == "gate":
            return x * torch.sigmoid(module(x.mean((2, 3), keepdim=True)))
        if step.kind == "slice":
            return x[:, : max(1, x.shape[1] // 2), ::2]
        if step.kind == "pad":
            return F.pad(x, (1, 0, 2, 1))
        if step.kind == "scale":
            return (x * 2 - 1) * torch.arange(1.0, x.shape[1] + 1).view(-1, 1, 1)
        if step.kind == "layer_norm":
            return F.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],)).permute(0, 3, 1, 2)
        if step.kind == "softmax":
            return x.softmax(1)
        result: torch.Tensor = module(x)
        return result

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values = [x]
        for step in self.steps:
            values.append(self.apply_step(step, values))
        return values[self.outs[0]], values[self.outs[1]]


SLOW, LONG = pytest.mark.slow, pytest.mark.long


@pytest.mark.parametrize(
    "seed",
    [
        *range(10),
        *(pytest.param(s, marks=SLOW) for s in range(10, 20)),
        *(pytest.param(s, marks=(SLOW, LONG)) for s in range(20, 60)),
    ],
)
def test_random_network(seed: int) -> None:
    torch.manual_seed(seed)
    network = RandomNetwork(seed).eval()
    x = torch.randn(1 + seed % 2, 4, 12, 10)
    program = sct.compile(network, x, allow_empty=True)
    fresh = torch.randn_like(x)
    with torch.no_grad():
        wanted = network(fresh)
    for y, want in zip(program.session().run(fresh.numpy()), wanted, strict=True):
        scale = max(1e-3, float(want.abs().max()))
        np.testing.assert_allclose(y, want.numpy(), rtol=0, atol=1e-4 * scale, err_msg=str(network.steps))
