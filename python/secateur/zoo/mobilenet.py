"""MobileNetV1 (Howard et al., 2017) and MobileNetV2 (Sandler et al., 2018).

MobileNetV2's parameters are named as in torchvision, so that its state dicts load.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F


def conv_bn_relu6(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, tf_padding: bool = False
) -> nn.Sequential:
    """Convolution, batch norm, ReLU6. `tf_padding`: TensorFlow's SAME at stride 2, one pixel after only."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    padding = kernel // 2
    if tf_padding and stride == 2:
        layers["pad"] = nn.ZeroPad2d((0, 1, 0, 1))
        padding = 0
    layers["0"] = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    layers["1"] = nn.BatchNorm2d(outputs)
    layers["2"] = nn.ReLU6()
    return nn.Sequential(layers)


class MobileNetV1(nn.Module):
    """[N, 3, H, W] -> [N, classes]; 13 pairs of a depthwise 3x3 and a 1x1 convolution."""

    # output channels at width 1, stride of the depthwise convolution
    STAGES = (
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *((512, 1),) * 5,
        (1024, 2),
        (1024, 1),
    )

    def __init__(self, width: float = 1.0, classes: int = 1000, tf_padding: bool = False) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return max(8, int(channels * width))

        channels = scaled(32)
        features: list[nn.Module] = [conv_bn_relu6(3, channels, 3, 2, tf_padding=tf_padding)]
        for outputs, stride in self.STAGES:
            depthwise = conv_bn_relu6(channels, channels, 3, stride, channels, tf_padding)
            features.append(nn.Sequential(depthwise, conv_bn_relu6(channels, scaled(outputs), 1)))
            channels = scaled(outputs)
        self.features = nn.Sequential(*features)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        y: torch.Tensor = self.classifier(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return y


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise 3x3, linear 1x1 projection; added to the input where shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, tf_padding: bool) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(conv_bn_relu6(inputs, hidden, 1))
        layers.append(conv_bn_relu6(hidden, hidden, 3, stride, hidden, tf_padding))
        layers += [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """[N, 3, H, W] -> [N, classes], width 1."""

    # expansion, output channels, blocks, stride of the first
    STAGES = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self, classes: int = 1000, tf_padding: bool = False) -> None:
        super().__init__()
        channels = 32
        features: list[nn.Module] = [conv_bn_relu6(3, channels, 3, 2, tf_padding=tf_padding)]
        for expansion, outputs, blocks, stride in self.STAGES:
            for block in range(blocks):
                step = stride if block == 0 else 1
                features.append(InvertedResidual(channels, outputs, step, expansion, tf_padding))
                channels = outputs
        features.append(conv_bn_relu6(channels, 1280, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        y: torch.Tensor = self.classifier(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return y
