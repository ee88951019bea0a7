"""The tasks: a network, its data and how it is trained; the same for every configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models import build
from pruning import data
from pruning.networks import Mobile, SpeechCnn, SpeechGru


@dataclass(frozen=True)
class Training:
    """Epochs with a learning rate that rises for a twentieth of them and falls as a cosine to nothing."""

    epochs: int
    rate: float


@dataclass(frozen=True)
class Task:
    """name: as the program and the records call it. title: as tables do.

    make(data folder): the network before `base`, or, where there is none, with a checkpoint's weights.
    base: the training that makes the dense network. tuning: what each configuration gets on top of it.
    bf16: forward passes in bfloat16 (autocast), weights and their gradients in f32.
    """

    name: str
    title: str
    make: Callable[[Path], nn.Module]
    read: Callable[[Path], data.Data]
    vary: Callable[[Tensor, torch.Generator], Tensor]
    base: Training | None
    tuning: Training
    batch: int
    bf16: bool
    optimizer: Callable[[nn.Module, float], torch.optim.Optimizer]


def adamw(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)


def sgd(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, nesterov=True, weight_decay=1e-4)


def resnet20(folder: Path) -> nn.Module:
    return build("cifar_resnet", folder / "weights" / "cifar_resnet20_jpeg.pt", depth=20)


TASKS = {
    task.name: task
    for task in (
        Task(
            "digits_cnn", "spoken digits, CNN", lambda _: SpeechCnn(), data.digits, data.mask_sound,
            Training(20, 3e-3), Training(20, 2e-3), 64, True, adamw,
        ),
        Task(
            "digits_gru", "spoken digits, GRU", lambda _: SpeechGru(), data.digits, data.mask_sound,
            Training(20, 3e-3), Training(20, 2e-3), 64, False, adamw,
        ),
        Task(
            "letters", "EMNIST letters, MobileNet-class", lambda _: Mobile(), data.letters, data.shift_pixels,
            Training(3, 4e-3), Training(3, 2e-3), 128, False, adamw,
        ),
        Task(
            "resnet20", "CIFAR-10, ResNet-20", resnet20, data.objects, data.crop_and_flip,
            None, Training(10, 0.05), 128, True, sgd,
        ),
    )
}  # fmt: skip
