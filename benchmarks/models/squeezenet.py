"""SqueezeNet 1.0 (Iandola et al., 2016); parameters named as in torchvision."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Fire(nn.Module):
    """A 1x1 convolution down to `squeeze` channels, then 1x1 and 3x3 ones side by side."""

    def __init__(self, inputs: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], dim=1)


class SqueezeNet10(nn.Module):
    """[N, 3, 227, 227] (BGR, 0..255, less the mean) -> [N, classes]."""

    # squeeze, expand per branch; None is a 3x3 maximum at stride 2 that keeps the last, partial window
    STAGES = (
        None,
        (16, 64),
        (16, 64),
        (32, 128),
        None,
        (32, 128),
        (48, 192),
        (48, 192),
        (64, 256),
        None,
        (64, 256),
    )

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 96, 7, 2), nn.ReLU()]
        channels = 96
        for stage in self.STAGES:
            if stage is None:
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            else:
                squeeze, expand = stage
                layers.append(Fire(channels, squeeze, expand))
                channels = 2 * expand
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(channels, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x)).flatten(1)
