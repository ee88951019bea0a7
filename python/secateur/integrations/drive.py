"""A pruner in step with a training loop that somebody else runs; what all callbacks share."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import math
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch.distributed as dist
from torch import nn

from secateur.errors import PruningError
from secateur.prune import Pruner, Recipe


def framework(*names: str) -> list[ModuleType]:
    """The modules of these names that are installed. Raises ModuleNotFoundError where none is."""
    found = [name for name in names if importlib.util.find_spec(name.partition(".")[0]) is not None]
    if not found:
        packages = [name.partition(".")[0] for name in names]
        raise ModuleNotFoundError(
            f"this callback needs {' or '.join(packages)}: pip install {packages[0]}", name=packages[0]
        )
    return [importlib.import_module(name) for name in found]


class Drive:
    """What a callback holds: the recipe, the pruner once training has begun, a state that waits for it.

    recipe, example_inputs: as `Pruner` takes them. epochs: whether the schedule's numbers count epochs
    instead of steps of the optimizer.
    """

    def __init__(self, recipe: Recipe | Mapping[str, Any], example_inputs: Any, epochs: bool) -> None:
        self.recipe = recipe if isinstance(recipe, Recipe) else Recipe.from_dict(recipe)
        self._example_inputs, self._epochs = example_inputs, epochs
        self._pruner: Pruner | None = None
        self._waiting: Mapping[str, Any] | None = None
        self._sealed = False

    @property
    def pruner(self) -> Pruner:
        """The pruner. Raises PruningError before training has begun, when there is none."""
        if self._pruner is None:
            raise PruningError("the callback has no pruner yet: it is made when training begins")
        return self._pruner

    def begin(self, model: nn.Module, steps: float, per_epoch: int, example_inputs: Any = None) -> None:
        """Make the pruner of `model`, in the state that was loaded.

        steps: how many steps of the optimizer training takes in all; per_epoch: in an epoch. Raises
        PruningError, before anything is trained, where the schedule would not reach its end.
        """
        recipe = self.recipe
        if self._epochs:
            schedule = recipe.schedule.per_epoch(per_epoch)
            recipe = Recipe.from_dict(
                {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)} | {"schedule": schedule}
            )
        if recipe.schedule.last >= steps:
            unit = f" ({per_epoch} an epoch)" if math.isfinite(steps) else ""
            raise PruningError(
                f"the schedule reaches its sparsity at step {recipe.schedule.last}, counted from 0, and "
                f"training ends after {steps:g} steps of the optimizer{unit}: shorten the schedule or "
                f"train longer"
            )
        at_work = self._pruner if self._waiting is None and not self._sealed else None
        if at_work is not None and at_work.model is model:
            return  # training goes on where it was stopped
        given = example_inputs if self._example_inputs is None else self._example_inputs
        group = dist.group.WORLD if dist.is_available() and dist.is_initialized() else None
        self._pruner, self._sealed = Pruner(model, recipe, given, process_group=group), False
        if self._waiting is not None:
            self._pruner.load_state_dict(self._waiting)
            self._waiting = None

    def step(self) -> None:
        """After each step of the optimizer."""
        self.pruner.step()

    def end(self) -> bool:
        """Finalize; where the schedule was cut short warn instead, and leave the pruner as it is."""
        last = self.pruner.recipe.schedule.last
        if self.pruner.steps <= last:
            warnings.warn(
                f"training ended after {self.pruner.steps} steps, before the schedule reached its sparsity "
                f"at step {last}: train on, or call callback.pruner.finalize(allow_unfinished=True)",
                stacklevel=2,
            )
            return False
        self.pruner.finalize()
        self._sealed = True
        return True

    def state_dict(self) -> dict[str, Any]:
        """The pruner's state, or the one that waits for it; empty where there is neither."""
        if self._waiting is not None:
            return dict(self._waiting)
        return {} if self._pruner is None else self._pruner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Keep `state` until training begins."""
        self._waiting = state or None
