"""A real training by transformers' Trainer, against the plain loop over the same batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import loops
import pytest
import torch
from torch import nn

from secateur.integrations import transformers_callback
from secateur.prune import PruningError

T = pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("accelerate", reason="accelerate is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning:torch.*", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning"),
]


class Classifier(nn.Module):
    """Takes and gives what the Trainer expects."""

    def __init__(self) -> None:
        super().__init__()
        self.net = loops.network()

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        logits = self.net(x)
        found = {"logits": logits}
        if labels is not None:
            found["loss"] = nn.functional.cross_entropy(logits, labels)
        return found


class InOrder(T.Trainer):  # type: ignore[name-defined, misc]
    def _get_train_sampler(self, *_: Any) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)


def train(callback: Any, folder: Path, resume: Any = None, extra: Any = (), **options: Any) -> Classifier:
    model = Classifier()
    arguments = T.TrainingArguments(
        folder, num_train_epochs=1, per_device_train_batch_size=4, learning_rate=0.05, use_cpu=True,
        lr_scheduler_type="constant", report_to=[], disable_tqdm=True, max_grad_norm=0, optim="adamw_torch",
        **{"save_strategy": "no", **options},
    )  # fmt: skip
    data = [{"x": x, "labels": y} for x, y in loops.samples()]
    trainer = InOrder(model, arguments, train_dataset=data, callbacks=[callback, *extra])
    trainer.train(resume_from_checkpoint=resume)
    return model


@pytest.mark.parametrize("gather", [1, 3])
def test_training_is_the_plain_loop(gather: int, tmp_path: Path) -> None:
    recipe = {**loops.RECIPE, "schedule": {"name": "cubic", "begin": 0, "end": 3}}
    callback = transformers_callback(recipe)
    model = train(callback, tmp_path, gradient_accumulation_steps=gather)
    assert callback.pruner.steps == 12 // gather
    want = loops.plain(recipe, gather=gather, foreach=None)
    for key, value in model.net.state_dict().items():
        torch.testing.assert_close(value, want.state_dict()[key], rtol=1e-5, atol=1e-6)
        assert torch.equal(value == 0, want.state_dict()[key] == 0)
    assert abs(loops.zeros(model.net) - 0.8) < 0.01
    assert not any(p._backward_hooks for p in model.parameters())


def test_a_resumed_training_is_the_same_training(tmp_path: Path) -> None:
    whole = train(transformers_callback(loops.RECIPE), tmp_path / "whole")

    class Stop(T.TrainerCallback):  # type: ignore[name-defined, misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            control.should_save = control.should_training_stop = state.global_step == 5

    with pytest.warns(UserWarning, match="before the schedule reached its sparsity at step 8"):
        train(transformers_callback(loops.RECIPE), tmp_path / "part", extra=[Stop()])
    folder = tmp_path / "part" / "checkpoint-5"
    assert (folder / "pruner.pt").is_file()
    callback = transformers_callback(loops.RECIPE)
    again = train(callback, tmp_path / "part", str(folder))
    assert callback.pruner.steps == 12
    assert loops.same(whole, again)
    with pytest.raises(PruningError, match="give the folder of the checkpoint as resume_from"):
        train(transformers_callback(loops.RECIPE), tmp_path / "other", str(folder))
    other = train(transformers_callback(loops.RECIPE, resume_from=folder), tmp_path / "other", str(folder))
    assert loops.same(whole, other)


def test_channels_are_gone_in_the_end(tmp_path: Path) -> None:
    recipe = {"sparsity": 0.5, "pattern": "channel", "schedule": {"name": "constant", "at": 1}}
    model = train(transformers_callback(recipe, example_inputs={"x": torch.randn(1, 8)}), tmp_path)
    assert (model.net[0].out_features, model.net[2].in_features) == (8, 8)


def test_a_schedule_beyond_the_training_is_refused_at_once(tmp_path: Path) -> None:
    late = {**loops.RECIPE, "schedule": {"name": "constant", "at": 1}}
    with pytest.raises(PruningError, match=r"step 12, counted from 0, and training ends after 12 steps"):
        train(transformers_callback(late, epochs=True), tmp_path)
