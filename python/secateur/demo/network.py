"""The demo's network: 3x3, 1x1 and depthwise convolutions with residual adds, some 200 thousand weights."""

from __future__ import annotations

import torch
from torch import nn


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution and batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class InvertedResidual(nn.Module):
    """1x1 to `hidden` channels, depthwise 3x3, 1x1 back, added to the input."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.expand = conv(channels, hidden, 1)
        self.depthwise = conv(hidden, hidden, 3, groups=hidden)
        self.project = conv(hidden, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.expand(x))
        y = torch.relu(self.depthwise(y))
        z: torch.Tensor = x + self.project(y)
        return z


class Residual(nn.Module):
    """Two 3x3 convolutions, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels, 3)
        self.second = conv(channels, channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(torch.relu(self.first(x)))
        return torch.relu(x + y)


class CompactCNN(nn.Module):
    """[N, 1, 32, 32] -> [N, 10]."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.stem = conv(1, 32, 3, stride=2)  # 16x16 from here
        self.depthwise1 = conv(32, 32, 3, groups=32)
        self.pointwise1 = conv(32, 64, 1)
        self.inverted = InvertedResidual(64, 128)
        self.depthwise2 = conv(64, 64, 3, stride=2, groups=64)  # 8x8 from here
        self.pointwise2 = conv(64, width, 1)
        self.residual = Residual(width)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(self.depthwise1(x))
        x = torch.relu(self.pointwise1(x))
        x = self.inverted(x)
        x = torch.relu(self.depthwise2(x))
        x = torch.relu(self.pointwise2(x))
        x = self.residual(x)
        y: torch.Tensor = self.classifier(self.pool(x).flatten(1))
        return y
