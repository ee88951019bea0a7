"""What stands beside: torch.nn.utils.prune with its masks kept, and Torch-Pruning where it is installed."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from pruning.cost import multiply_adds

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)


def weights_of(model: nn.Module) -> list[tuple[nn.Module, str]]:
    """The weights that a recipe prunes by default: all but those of depthwise layers."""
    found: list[tuple[nn.Module, str]] = []
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            if not (isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1):
                found.append((module, "weight"))
        elif isinstance(module, RECURRENT):
            found += [(module, name) for name, _ in module.named_parameters() if name.startswith("weight")]
    return found


class RivalError(Exception):
    """A rival cannot do what is asked for; a sentence."""


class TorchMasks:
    """torch.nn.utils.prune: the smallest weights over all layers at once, before training; then its masks."""

    def __init__(self, model: nn.Module, sparsity: float) -> None:
        self.model = model
        prune.global_unstructured(weights_of(model), pruning_method=prune.L1Unstructured, amount=sparsity)

    def step(self) -> None:
        pass

    def finish(self) -> nn.Module:
        for module in self.model.modules():
            for name, _ in list(module.named_buffers(recurse=False)):
                if name.endswith("_mask"):
                    prune.remove(module, name.removesuffix("_mask"))
        return self.model

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class TorchPruning:
    """Torch-Pruning: channels by the norm of their group, before training, down to `share` of the FLOPs."""

    def __init__(self, model: nn.Module, example: Tensor, share: float) -> None:
        tp = importlib.import_module("torch_pruning")
        model.eval()
        dense = multiply_adds(model, example)
        ends = [module for module in model.modules() if isinstance(module, nn.Linear)]
        pruner = tp.pruner.MagnitudePruner(
            model, example, importance=tp.importance.GroupMagnitudeImportance(p=2), ignored_layers=ends,
            pruning_ratio=0.9, iterative_steps=90,
        )  # fmt: skip
        for _ in range(90):
            pruner.step()
            if multiply_adds(model, example) <= share * dense:
                break
        else:
            raise RivalError("Torch-Pruning removes nothing more before half the FLOPs are gone")
        with torch.no_grad():
            model(example)
        self.model = model

    def step(self) -> None:
        pass

    def finish(self) -> nn.Module:
        return self.model

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass
