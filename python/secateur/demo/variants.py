"""The pruned copies that the demo makes, each with its recipe and the training that it gets."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch

from secateur.demo.data import Digits
from secateur.demo.training import Progress, fit, steps_per_epoch

# The 3x3 stem reads one channel and the classifier has ten rows: few weights, and they matter.
KEEP = ["stem.*", "classifier"]


@dataclass(frozen=True)
class Variant:
    """One way to prune. `gradual`: masks grow over the first 60% of the training, on a cubic schedule.
    `int8`: the fine-tuned copy is quantised, too."""

    key: str
    label: str
    recipe: dict[str, Any]
    epochs: int
    gradual: bool
    int8: bool = False

    @property
    def must_pay(self) -> bool:
        """Whether the demo promises that this copy is faster and at most 0.3 of the file."""
        return self.key in {"element90", "block80"}


VARIANTS = (
    Variant("element90", "unstructured 90%", {"sparsity": 0.9, "pattern": "element"}, 10, True),
    Variant("block80", "4x1 blocks 80%", {"sparsity": 0.8, "pattern": "4x1"}, 8, True),
    Variant("nm24", "N:M 2:4", {"pattern": "2:4"}, 4, False),
    Variant("channel50", "channels 50%", {"sparsity": 0.5, "pattern": "channel"}, 8, False),
    Variant("int8", "1x4 blocks 80%, int8", {"sparsity": 0.8, "pattern": "1x4 by tap"}, 8, True, int8=True),
)


def make_recipe(variant: Variant, total_steps: int) -> dict[str, Any]:
    """The recipe's table, its schedule laid over `total_steps` of training."""
    table = {**variant.recipe, "scope": "uniform", "skip": KEEP}
    if variant.gradual:
        end = max(1, int(total_steps * 0.6))
        table["schedule"] = {
            "name": "cubic",
            "begin": 0,
            "end": end,
            "every": max(1, end // 20),
            "initial": 0.3,
        }
    return table


def prune(
    dense: torch.nn.Module,
    variant: Variant,
    data: Digits,
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    progress: Progress | None = None,
) -> torch.nn.Module:
    """A pruned and fine-tuned copy of `dense`; what is pruned is exactly zero, or gone."""
    from secateur.prune import Pruner, Recipe

    model = copy.deepcopy(dense)
    example = torch.from_numpy(data.train_images[:1])
    recipe = Recipe.from_dict(make_recipe(variant, epochs * steps_per_epoch(data)))
    pruner = Pruner(model, recipe, example_inputs=(example,))
    if variant.recipe["pattern"] == "channel":
        # Channels go first, and the smaller network is trained as any other.
        pruner.step()
        model = pruner.finalize()
        fit(model, data, epochs=epochs, learning_rate=learning_rate, seed=seed, progress=progress)
        return model
    fit(model, data, epochs=epochs, learning_rate=learning_rate, seed=seed, pruner=pruner, progress=progress)
    return pruner.finalize().eval()
