"""The model zoo of the measurements: networks by name, their checkpoints, and readers of image packs.

The four networks that benchmarks time are `secateur.zoo`'s; the others here have checkpoints with a known
accuracy. Run with ``benchmarks`` on the path: ``python benchmarks/models/accuracy.py --data DIR``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.cifar_resnet import CifarResNet
from models.squeezenet import SqueezeNet10
from models.tiny_darknet import TinyDarknet
from secateur.zoo.encoder import Encoder
from secateur.zoo.mobilenet import MobileNetV1, MobileNetV2
from secateur.zoo.resnet import ResNet50

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "mobilenet_v1": MobileNetV1,
    "mobilenet_v2": MobileNetV2,
    "resnet50": ResNet50,
    "encoder": Encoder,
    "squeezenet10": SqueezeNet10,
    "tiny_darknet": TinyDarknet,
    "cifar_resnet": CifarResNet,
}


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights: its network, the images that it was trained for and how they are normalised."""

    file: str
    network: str
    options: dict[str, Any]
    size: int
    norm: str
    images: str  # "imagenet" or "cifar10"


CHECKPOINTS = (
    Checkpoint("mobilenet_v2_sym.pt", "mobilenet_v2", {}, 224, "imagenet", "imagenet"),
    Checkpoint(
        "mobilenet_v1_075_192.pt", "mobilenet_v1", {"width": 0.75, "tf_padding": True}, 192, "tf", "imagenet"
    ),
    Checkpoint(
        "mobilenet_v1_025_128.pt", "mobilenet_v1", {"width": 0.25, "tf_padding": True}, 128, "tf", "imagenet"
    ),
    Checkpoint("squeezenet10_deep_compression.pt", "squeezenet10", {}, 227, "caffe", "imagenet"),
    Checkpoint("tiny_darknet.pt", "tiny_darknet", {}, 224, "unit", "imagenet"),
    Checkpoint("cifar_resnet20_jpeg.pt", "cifar_resnet", {"depth": 20}, 32, "imagenet", "cifar10"),
    Checkpoint("cifar_resnet20.pt", "cifar_resnet", {"depth": 20}, 32, "imagenet", "cifar10"),
    Checkpoint("cifar_resnet56.pt", "cifar_resnet", {"depth": 56}, 32, "imagenet", "cifar10"),
)


def build(name: str, weights: str | Path | None = None, **options: Any) -> nn.Module:
    """The network called `name`, in eval mode; with weights from a file of a state dict where one is given.

    Raises KeyError for an unknown name.
    """
    network = NETWORKS[name](**options)
    if weights is not None:
        network.load_state_dict(load_checkpoint(weights))
    return network.eval()


def load_checkpoint(path: str | Path) -> dict[str, torch.Tensor]:
    """A state dict; tensors only, nothing in the file is executed."""
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    return state


__all__ = ["CHECKPOINTS", "NETWORKS", "Checkpoint", "build", "load_checkpoint"]
