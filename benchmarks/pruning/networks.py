"""The small networks of the tasks that are trained from nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Mobile(nn.Sequential):
    """[N, 1, 28, 28] -> [N, classes]: a MobileNetV1 in small, depthwise and 1x1 by turns."""

    BLOCKS = ((32, 64, 1), (64, 96, 2), (96, 96, 1), (96, 192, 1))  # inputs, outputs, stride

    def __init__(self, classes: int = 26) -> None:
        layers: list[nn.Module] = [convolution(1, 32, 3, 2)]
        for inputs, outputs, stride in self.BLOCKS:
            layers += [convolution(inputs, inputs, 3, stride, groups=inputs), convolution(inputs, outputs, 1)]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(192, classes))


class SpeechCnn(nn.Sequential):
    """[N, 1, bands, frames] -> [N, classes]: 3x3 convolutions over a log-mel spectrogram."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__(
            convolution(1, 24, 3, 2), convolution(24, 48, 3), convolution(48, 48, 3, 2),
            convolution(48, 96, 3), convolution(96, 96, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(96, classes),
        )  # fmt: skip


class SpeechGru(nn.Module):
    """[N, 1, bands, frames] -> [N, classes]: a GRU over the frames of a log-mel spectrogram."""

    def __init__(self, bands: int = 40, units: int = 128, classes: int = 10) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(bands)
        self.gru = nn.GRU(bands, units, num_layers=2, batch_first=True)
        self.linear = nn.Linear(units, classes)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.gru(self.norm(x.squeeze(1)).transpose(1, 2))
        return torch.as_tensor(self.linear(states.mean(dim=1)))
