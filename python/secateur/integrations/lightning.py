"""A callback for Lightning (`lightning`, or `pytorch_lightning` by its older name)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secateur.integrations.drive import Drive, framework
from secateur.prune import Pruner, Recipe


class _Hooks:
    """What the callback does; `lightning_callback` joins it to the framework's own class."""

    def __init__(self, drive: Drive, network: str) -> None:
        self._drive, self._network, self._seen = drive, network, 0

    @property
    def pruner(self) -> Pruner:
        """The pruner; there is one from the moment training begins."""
        return self._drive.pruner

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        model = pl_module.get_submodule(self._network)
        steps = trainer.estimated_stepping_batches
        per_epoch = max(1, -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches))
        self._drive.begin(model, steps, per_epoch, getattr(pl_module, "example_input_array", None))
        self._seen = trainer.global_step

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any, **__: Any) -> None:
        if trainer.global_step != self._seen:  # not while gradients are gathered
            self._seen = trainer.global_step
            self._drive.step()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if not self._drive.end():
            return
        for (
            callback
        ) in trainer.callbacks:  # WeightAveraging copies its average into the module, later or before
            average = getattr(callback, "_average_model", None)
            if average is not None:
                inner = average.module.get_submodule(self._network)
                self.pruner.apply_to(inner)

    def state_dict(self) -> dict[str, Any]:
        return self._drive.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self._drive.load_state_dict(state_dict)


def lightning_callback(
    recipe: Recipe | Mapping[str, Any],
    *,
    network: str = "",
    example_inputs: Any = None,
    epochs: bool = False,
) -> Any:
    """A ``Callback`` for ``Trainer(callbacks=[...])`` that prunes while Lightning trains.

    After each step of the optimizer (gathered gradients make one step) the pruner takes one; its state is
    stored in Lightning's checkpoints, so that ``fit(ckpt_path=...)`` goes on bit for bit; when training ends
    it is finalized. A schedule that training would not reach the end of is refused when training begins.
    Training that stops early warns, and leaves the pruner to the caller.

    recipe: a `Recipe` or a table for one.
    network: name of the submodule of the LightningModule that is pruned, such as "model"; "" for all of it.
    example_inputs: as `Pruner` takes them; the module's ``example_input_array`` where None.
    epochs: the schedule's numbers count epochs.

    Returns the callback; its `pruner` is there from when training begins. Raises ModuleNotFoundError where
    neither `lightning` nor `pytorch_lightning` is installed, PruningError as `Pruner` does.
    """
    bases = [module.Callback for module in framework("lightning.pytorch", "pytorch_lightning")]
    kind = type("PrunerCallback", (_Hooks, *bases), {"__module__": __name__, "__doc__": _Hooks.__doc__})
    return kind(Drive(recipe, example_inputs, epochs), network)
