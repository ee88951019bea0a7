"""A callback for the Trainer of Hugging Face's transformers."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from secateur.errors import PruningError
from secateur.files import save_atomically
from secateur.integrations.drive import Drive, framework
from secateur.prune import Pruner, Recipe

STATE = "pruner.pt"  # beside optimizer.pt, in the folder of a checkpoint


class _Hooks:
    """What the callback does; `transformers_callback` joins it to the framework's own class."""

    def __init__(self, drive: Drive, resume_from: str | Path | None) -> None:
        self._drive, self._resume_from = drive, resume_from

    @property
    def pruner(self) -> Pruner:
        """The pruner; there is one from the moment training begins."""
        return self._drive.pruner

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if state.global_step > 0:
            self._drive.load_state_dict(self._saved(args, state))
        batches = len(given["train_dataloader"]) if hasattr(given.get("train_dataloader"), "__len__") else 0
        per_epoch = max(1, -(-batches // args.gradient_accumulation_steps))
        self._drive.begin(given["model"], state.max_steps, per_epoch)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self._drive.step()

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            buffer = io.BytesIO()
            torch.save(self._drive.state_dict(), buffer)
            save_atomically(folder / STATE, buffer.getvalue())

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self._drive.end()

    def _saved(self, args: Any, state: Any) -> Mapping[str, Any]:
        folder = Path(self._resume_from or Path(args.output_dir) / f"checkpoint-{state.global_step}")
        try:
            found: Mapping[str, Any] = torch.load(folder / STATE, weights_only=True)
        except OSError as error:
            raise PruningError(
                f"training goes on at step {state.global_step}, and {folder / STATE} cannot be read "
                f"({error.strerror}): give the folder of the checkpoint as resume_from"
            ) from None
        return found


def transformers_callback(
    recipe: Recipe | Mapping[str, Any],
    *,
    example_inputs: Any = None,
    epochs: bool = False,
    resume_from: str | Path | None = None,
) -> Any:
    """A ``TrainerCallback`` for ``Trainer(callbacks=[...])`` that prunes while the Trainer trains.

    After each step of the optimizer the pruner takes one; with each checkpoint the state is stored as
    `pruner.pt` in its folder, so that ``train(resume_from_checkpoint=...)`` goes on bit for bit; when
    training ends it is finalized. A schedule that training would not reach the end of is refused when
    training begins. Training that stops early warns, and leaves the pruner to the caller.

    recipe: a `Recipe` or a table for one.
    example_inputs: as `Pruner` takes them; a mapping such as ``{"input_ids": ids}`` fits most networks.
    epochs: the schedule's numbers count epochs.
    resume_from: folder of the checkpoint that training resumes from, where it is not in ``output_dir``.

    Returns the callback; its `pruner` is there from when training begins. Raises ModuleNotFoundError where
    `transformers` is not installed, PruningError as `Pruner` does.
    """
    (module,) = framework("transformers")
    kind = type(
        "PrunerCallback",
        (_Hooks, module.TrainerCallback),
        {"__module__": __name__, "__doc__": _Hooks.__doc__},
    )
    return kind(Drive(recipe, example_inputs, epochs), resume_from)
