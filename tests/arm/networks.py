"""The networks that run under emulation: the demo's, pruned in every pattern, and MobileNetV2.

Built in a second, without training: what is tested is whether two machines compute the same, for which
random weights with measured batch-norm statistics are as good as trained ones.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from secateur.bench.networks import pruned_copy
from secateur.demo.network import CompactCNN
from secateur.zoo import NETWORKS, make
from secateur.zoo.initialise import initialise

Made = tuple[nn.Module, torch.Tensor]


def demo(pattern: str | None = None, sparsity: float = 0.0) -> Made:
    """The demo's network, dense or pruned once by magnitude."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(1, 1, 32, 32)
        network: nn.Module = CompactCNN()
        initialise(network, x)
    network.eval()
    if pattern is not None:
        network = pruned_copy(network, (x,), sparsity, pattern, ["stem.*", "classifier"])
    return network, x


def mobilenet_v2(sparsity: float = 0.0) -> Made:
    network, inputs = make("mobilenet_v2")
    if sparsity:
        network = pruned_copy(network, inputs, sparsity, keep_dense=NETWORKS["mobilenet_v2"].keep_dense)
    return network, inputs[0]


BUILDERS: dict[str, Callable[[], Made]] = {
    "demo dense": demo,
    "demo element 90%": lambda: demo("element", 0.9),
    "demo 4x1 80%": lambda: demo("4x1", 0.8),
    "demo 2:4": lambda: demo("2:4"),
    "demo channel 50%": lambda: demo("channel", 0.5),
    "mobilenet_v2 dense": mobilenet_v2,
    "mobilenet_v2 element 90%": lambda: mobilenet_v2(0.9),
}
