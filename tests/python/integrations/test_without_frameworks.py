"""Callbacks where their frameworks are not installed, and what all of them share."""

from __future__ import annotations

import subprocess
import sys

import loops
import pytest
import torch

from secateur.integrations.drive import Drive
from secateur.prune import PruningError

REFUSE = """
import sys
names = {'lightning', 'pytorch_lightning', 'transformers', 'ultralytics'}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in names:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
import importlib.util as u
real = u.find_spec
u.find_spec = lambda n, p=None: None if n in names else real(n, p)
import secateur.integrations as i
for make in (i.lightning_callback, i.transformers_callback, i.ultralytics_callback):
    try:
        make({'sparsity': 0.5})
    except ModuleNotFoundError as error:
        print(error)
"""


def test_a_missing_framework_is_one_sentence() -> None:
    done = subprocess.run([sys.executable, "-c", REFUSE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "this callback needs lightning or pytorch_lightning: pip install lightning",
        "this callback needs transformers: pip install transformers",
        "this callback needs ultralytics: pip install ultralytics",
    ]


def test_a_drive_resumes_bit_for_bit_and_goes_on() -> None:
    """What all callbacks do, without a framework: stopped at every step, and from its saved state."""
    batches = [torch.randn(4, 8, generator=torch.Generator().manual_seed(i)) for i in range(12)]

    def run(model: torch.nn.Module, drive: Drive, optimizer: torch.optim.Optimizer, steps: range) -> None:
        drive.begin(model, steps=12, per_epoch=4)
        for i in steps:
            optimizer.zero_grad()
            model(batches[i]).square().mean().backward()
            optimizer.step()
            drive.step()

    whole, drive = loops.network(), Drive(loops.RECIPE, None, False)
    run(whole, drive, torch.optim.SGD(whole.parameters(), 0.1, momentum=0.9), range(12))
    assert drive.end()
    for cut in range(1, 12):
        model, first = loops.network(), Drive(loops.RECIPE, None, False)
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        run(model, first, optimizer, range(cut))
        second = Drive(loops.RECIPE, None, False)
        second.load_state_dict(first.state_dict())
        assert second.state_dict()["steps"] == cut  # kept, should it be saved again before training begins
        run(model, second, optimizer, range(cut, 12))
        assert loops.same(model, whole)


def test_epochs_and_what_is_too_long() -> None:
    model = loops.network()
    drive = Drive({"sparsity": 0.5, "schedule": {"name": "constant", "at": 2}}, None, True)
    drive.begin(model, steps=12, per_epoch=4)
    assert drive.pruner.recipe.schedule.last == 8
    drive = Drive({"sparsity": 0.5, "schedule": {"name": "constant", "at": 3}}, None, True)
    with pytest.raises(
        PruningError, match=r"at step 12, counted from 0, .* after 12 steps .* \(4 an epoch\)"
    ):
        drive.begin(model, steps=12, per_epoch=4)
    with pytest.raises(PruningError, match="no pruner yet"):
        drive.step()
    early = Drive(loops.RECIPE, None, False)
    early.begin(model, steps=12, per_epoch=4)
    early.step()
    with pytest.warns(UserWarning, match="ended after 1 steps, before the schedule reached .* step 8"):
        assert not early.end()
    before = early.pruner
    early.begin(model, steps=12, per_epoch=4)
    assert early.pruner is before
