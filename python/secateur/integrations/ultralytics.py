"""Callbacks for the trainer of ultralytics."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from secateur.errors import PruningError
from secateur.files import save_atomically
from secateur.integrations.drive import Drive, framework
from secateur.prune import Channel, Pruner, Recipe

STATE = "pruner.pt"  # beside last.pt


class UltralyticsCallback:
    """What `ultralytics_callback` gives; `attach` it to the model before it trains."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive

    @property
    def pruner(self) -> Pruner:
        """The pruner; there is one from the moment training begins."""
        return self._drive.pruner

    def attach(self, model: Any) -> None:
        """Add this to the callbacks of ``model``, a YOLO or another model of ultralytics."""
        for event in ("on_train_start", "on_train_epoch_end", "on_model_save", "on_train_end"):
            model.add_callback(event, getattr(self, event))

    def on_train_start(self, trainer: Any) -> None:
        batches = len(trainer.train_loader)
        per_epoch = max(1, batches // max(1, trainer.accumulate))
        if trainer.resume:
            self._drive.load_state_dict(_saved(Path(trainer.wdir) / STATE))
        self._drive.begin(trainer.model, trainer.epochs * per_epoch, per_epoch)
        # The average is taken right after the optimizer's step, so it has to find the zeros by then.
        self._hook = trainer.optimizer.register_step_post_hook(lambda *_: self._drive.step())

    def on_train_epoch_end(self, trainer: Any) -> None:
        """Validated and saved is the moving average: it gets the zeros, too."""
        if trainer.ema is not None:
            self.pruner.apply_to(trainer.ema.ema)

    def on_model_save(self, trainer: Any) -> None:
        buffer = io.BytesIO()
        torch.save(self._drive.state_dict(), buffer)
        save_atomically(Path(trainer.wdir) / STATE, buffer.getvalue())

    def on_train_end(self, trainer: Any) -> None:
        self._hook.remove()
        if self._drive.end() and trainer.ema is not None:
            self.pruner.apply_to(trainer.ema.ema)


def _saved(path: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = torch.load(path, weights_only=True)
    except OSError as error:
        raise PruningError(
            f"training is resumed, and {path} cannot be read ({error.strerror}): it is written beside "
            f"last.pt by a training that had this callback"
        ) from None
    return found


def ultralytics_callback(recipe: Recipe | Mapping[str, Any], *, epochs: bool = False) -> UltralyticsCallback:
    """Callbacks that prune while ultralytics trains: ``ultralytics_callback(recipe).attach(model)``.

    After each step of the optimizer the pruner takes one. What ultralytics validates and saves is its moving
    average of the weights, which gets the same zeros; so `best.pt` is sparse once the schedule has reached
    its sparsity (let it end early: the best of all epochs may come before). The state is kept as `pruner.pt`
    beside `last.pt` and read again by ``train(resume=True)``; the masks are then those they were, while the
    weights are, as ultralytics has it, those of the average in half precision. Its training on several GPUs
    starts processes of its own, without callbacks.

    recipe: a `Recipe` or a table for one. Channels cannot be pruned this way, since ultralytics builds the
    network anew from its description.
    epochs: the schedule's numbers count epochs.

    Raises ModuleNotFoundError where `ultralytics` is not installed, PruningError as `Pruner` does.
    """
    framework("ultralytics")
    drive = Drive(recipe, None, epochs)
    patterns = [drive.recipe.pattern, *(o.pattern for o in drive.recipe.overrides.values())]
    if any(isinstance(pattern, Channel) for pattern in patterns):
        raise PruningError(
            "pattern: ultralytics builds its networks anew from their description, so channels that are gone "
            "would come back; prune weights or blocks, or train the network with channels taken out in a "
            "loop of your own"
        )
    return UltralyticsCallback(drive)
