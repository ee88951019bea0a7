"""The networks that secateur is measured on, as plain PyTorch: `make("mobilenet_v2")`.

Only definitions, so that they travel in the wheel; checkpoints and their loaders are in
`benchmarks/models` of the source tree. Without a checkpoint the weights are random, and whoever shows
a number says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from secateur.errors import InvalidArgumentError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Network:
    """A row of the zoo: what tables call it, its input, and how to build it (imports torch).

    `keep_dense` names the layers that benchmarks leave unpruned: the first one and the classifier.
    """

    label: str
    input_shape: tuple[int, ...]
    build: Callable[[], torch.nn.Module]
    keep_dense: tuple[str, ...] = ()


def _mobilenet_v1() -> torch.nn.Module:
    from secateur.zoo.mobilenet import MobileNetV1

    return MobileNetV1()


def _mobilenet_v2() -> torch.nn.Module:
    from secateur.zoo.mobilenet import MobileNetV2

    return MobileNetV2()


def _resnet50() -> torch.nn.Module:
    from secateur.zoo.resnet import ResNet50

    return ResNet50()


def _encoder() -> torch.nn.Module:
    from secateur.zoo.encoder import Encoder

    return Encoder()


NETWORKS: dict[str, Network] = {
    "mobilenet_v1": Network("MobileNetV1", (1, 3, 224, 224), _mobilenet_v1, ("features.0.0", "classifier")),
    "mobilenet_v2": Network("MobileNetV2", (1, 3, 224, 224), _mobilenet_v2, ("features.0.0", "classifier.1")),
    "resnet50": Network("ResNet-50", (1, 3, 224, 224), _resnet50, ("conv1", "fc")),
    "encoder": Network("Encoder 6x384, 128 tokens", (1, 128, 384), _encoder),
}


def make(name: str, *, seed: int = 0) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The network called `name`, in eval mode, with random weights, and a standard normal input.

    Raises InvalidArgumentError for a name that is not in `NETWORKS`. The same seed gives the same
    weights and input; the caller's random state is left as it was.
    """
    import torch

    from secateur.zoo.initialise import initialise

    if name not in NETWORKS:
        raise InvalidArgumentError(f"the zoo has no {name!r}; it has {', '.join(NETWORKS)}")
    network = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = network.build()
        x = torch.randn(network.input_shape)
        initialise(module, x)
    return module.eval(), (x,)
