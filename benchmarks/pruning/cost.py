"""Multiply-adds of a network, counted while it runs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def multiply_adds(model: nn.Module, example: Tensor) -> int:
    """Of convolutions, linear and recurrent layers, zeros counted too."""
    total = 0

    def count(module: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += output.numel() * module.in_features
        else:
            steps = inputs[0].shape[0] * inputs[0].shape[1]
            total += steps * sum(p.numel() for n, p in module.named_parameters() if n.startswith("weight"))

    kinds = (nn.Conv2d, nn.Linear, nn.GRU, nn.LSTM, nn.RNN)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        model(example)
    for hook in hooks:
        hook.remove()
    return total
