"""A real training by Lightning, against the plain loop over the same batches."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import loops
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from secateur.integrations import lightning_callback
from secateur.prune import PruningError

L = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning:lightning.*", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def module(net: nn.Module) -> Any:
    class Module(L.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def training_step(self, batch: Any, index: int) -> Any:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.AdamW(self.parameters(), lr=0.05, weight_decay=0.01)

    return Module()


def fit(
    model: Any, callbacks: list[Any], folder: Path, *, ckpt: Any = None, count: int = 48, **options: Any
) -> None:
    trainer = L.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=folder,
        enable_model_summary=False, callbacks=callbacks,
        **{"enable_checkpointing": False, "max_epochs": 1, **options},
    )  # fmt: skip
    trainer.fit(model, DataLoader(loops.samples()[:count], batch_size=4), ckpt_path=ckpt)


@pytest.mark.parametrize("gather", [1, 3])
def test_training_is_the_plain_loop(gather: int, tmp_path: Path) -> None:
    """Gradients gathered over several batches make one step of the pruner, as of the optimizer."""
    recipe = {**loops.RECIPE, "schedule": {"name": "cubic", "begin": 0, "end": 3}}
    model = module(loops.network())
    callback = lightning_callback(recipe, network="net")
    fit(model, [callback], tmp_path, accumulate_grad_batches=gather)
    assert callback.pruner.steps == 12 // gather
    assert loops.same(model.net, loops.plain(recipe, gather=gather, decay=0.01))
    assert abs(loops.zeros(model.net) - 0.8) < 0.01
    assert not any(p._backward_hooks for p in model.parameters())


def test_a_resumed_training_is_the_same_training(tmp_path: Path) -> None:
    """Stopped after the second of three epochs, in the midst of the schedule."""
    whole = module(loops.network())
    fit(whole, [lightning_callback(loops.RECIPE)], tmp_path, count=16, max_epochs=3)

    class Stop(L.Callback):  # type: ignore[name-defined, misc]
        def on_train_epoch_end(self, trainer: Any, *_: Any) -> None:
            trainer.should_stop = trainer.current_epoch == 1

    saver = L.callbacks.ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    callbacks = [lightning_callback(loops.RECIPE), saver, Stop()]
    with pytest.warns(UserWarning, match="after 8 steps, before the schedule reached its sparsity at step 8"):
        fit(module(loops.network()), callbacks, tmp_path, count=16, max_epochs=3, enable_checkpointing=True)
    again = module(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)))
    callback = lightning_callback(loops.RECIPE)
    fit(again, [callback], tmp_path, ckpt=tmp_path / "epoch=1.ckpt", count=16, max_epochs=3)
    assert callback.pruner.steps == 12
    assert loops.same(whole, again)


def test_a_moving_average_of_lightning_keeps_the_zeros(tmp_path: Path) -> None:
    for ours_first in (True, False):
        model = module(loops.network())
        callback = lightning_callback(loops.RECIPE, network="net")
        average = L.callbacks.WeightAveraging()
        fit(model, [callback, average] if ours_first else [average, callback], tmp_path)
        assert abs(loops.zeros(model.net) - 0.8) < 0.01


def test_channels_are_gone_in_the_end(tmp_path: Path) -> None:
    model = module(loops.network())
    recipe = {"sparsity": 0.5, "pattern": "channel", "schedule": {"name": "constant", "at": 1}}
    fit(
        model,
        [lightning_callback(recipe, network="net", example_inputs=torch.randn(1, 8), epochs=False)],
        tmp_path,
    )
    assert (model.net[0].out_features, model.net[2].in_features) == (8, 8)


def test_epochs_are_counted(tmp_path: Path) -> None:
    model, recipe = module(loops.network()), {**loops.RECIPE, "schedule": {"name": "constant", "at": 1}}
    callback = lightning_callback(recipe, epochs=True)
    fit(model, [callback], tmp_path, max_epochs=2, accumulate_grad_batches=2)
    assert callback.pruner.recipe.schedule.last == 6
    assert callback.pruner.steps == 12


def test_a_schedule_beyond_the_training_is_refused_at_once(tmp_path: Path) -> None:
    model = module(loops.network())
    before = copy.deepcopy(model.state_dict())
    late = {**loops.RECIPE, "schedule": {"name": "cubic", "begin": 0, "end": 12}}
    with pytest.raises(PruningError, match=r"at step 12, counted from 0, and training ends after 12 steps"):
        fit(model, [lightning_callback(late)], tmp_path)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    with pytest.raises(PruningError, match="no pruner yet"):
        _ = lightning_callback(late).pruner
