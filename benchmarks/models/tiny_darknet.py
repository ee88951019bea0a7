"""Tiny Darknet (Redmon, 2016): 3x3 and 1x1 convolutions in turn, leaky ReLU, one million parameters."""

from __future__ import annotations

import torch
from torch import nn

# output channels and kernel size; None halves rows and columns
LAYERS: tuple[tuple[int, int] | None, ...] = (
    (16, 3),
    None,
    (32, 3),
    None,
    *((16, 1), (128, 3)) * 2,
    None,
    *((32, 1), (256, 3)) * 2,
    None,
    *((64, 1), (512, 3)) * 2,
    (128, 1),
)


class TinyDarknet(nn.Module):
    """[N, 3, 224, 224] (RGB, 0..1) -> [N, classes]."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for layer in LAYERS:
            if layer is None:
                layers.append(nn.MaxPool2d(2, 2))
                continue
            outputs, kernel = layer
            conv = nn.Conv2d(channels, outputs, kernel, padding=kernel // 2, bias=False)
            layers.append(nn.Sequential(conv, nn.BatchNorm2d(outputs, eps=1e-3), nn.LeakyReLU(0.1)))
            channels = outputs
        self.features = nn.Sequential(*layers)
        self.head = nn.Conv2d(channels, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x)).mean(dim=(2, 3))
