"""Random weights under which a deep network behaves as a trained one does: its activations keep their size.

PyTorch's default initialisation shrinks activations by a factor per layer; pruned to 90%, fifty layers
down they become denormal numbers, which x86 computes a hundred times slower. Timings of such a
network are timings of denormals.
"""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def initialise(module: nn.Module, x: torch.Tensor) -> None:
    """He-normal convolutions, PyTorch's linear layers, batch norms with statistics measured on `x`."""
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_in", nonlinearity="relu")
    for m in norms:
        nn.init.uniform_(m.weight, 0.8, 1.2)
        nn.init.normal_(m.bias, 0.0, 0.1)
    if not norms:
        return
    kept = [m.momentum for m in norms]
    for m in norms:
        m.momentum = 1.0  # the statistics of this batch, whole
    module.train()
    module(torch.cat([x, torch.randn_like(x)]))
    module.eval()
    for m, momentum in zip(norms, kept, strict=True):
        m.momentum = momentum
