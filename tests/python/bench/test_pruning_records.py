"""The records of trained networks: one for each key, tables that say what was reached, runs that go on."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "benchmarks"))

from pruning import document, records, training  # noqa: E402
from pruning.configurations import BARS, CONFIGURATIONS, Bar, Nothing  # noqa: E402
from pruning.cost import multiply_adds  # noqa: E402
from pruning.data import Data  # noqa: E402
from pruning.rivals import TorchMasks  # noqa: E402
from pruning.tasks import TASKS, Training  # noqa: E402


def record(name: str, seed: int, accuracy: float) -> dict[str, Any]:
    return {"task": "letters", "configuration": name, "seed": seed, "accuracy": accuracy}


def test_a_record_replaces_that_of_its_key(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    for found in (record("dense", 0, 1.0), record("dense", 1, 2.0), record("dense", 0, 3.0)):
        records.add(found, path)
    assert records.read(path) == [record("dense", 0, 3.0), record("dense", 1, 2.0)]


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match="schema"):
        records.read(path)


def test_a_bar_counts_the_seeds_that_both_rows_have() -> None:
    rows = [
        record("dense", 0, 90.0),
        record("dense", 1, 80.0),
        record("2:4", 1, 79.8),
        record("2:4", 2, 10.0),
    ]
    bar = Bar("2:4", "dense", -0.3)
    assert document.verdict(bar, rows).endswith("| -0.20 (1 seed) | met |")
    rows.append(record("2:4", 0, 89.4))
    assert document.verdict(bar, rows).endswith("| -0.40 (2 seeds) | missed |")
    assert document.verdict(bar, []).endswith("outstanding |")


def test_bars_name_configurations() -> None:
    assert set(BARS) == set(TASKS)
    named = {name for bars in BARS.values() for bar in bars for name in (bar.configuration, bar.reference)}
    assert named <= set(CONFIGURATIONS)


def test_the_page_is_of_the_records() -> None:
    assert document.PAGE.read_text() == document.page(records.read())


def test_multiply_adds_by_hand() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.Flatten(), torch.nn.Linear(12, 5))
    assert multiply_adds(net, torch.zeros(1, 2, 4, 4)) == 3 * 4 * 18 + 12 * 5


def test_masks_of_torch_leave_zeros() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(10, 10), torch.nn.ReLU(), torch.nn.Linear(10, 10))
    assert training.sparsity(TorchMasks(net, 0.75).finish()) == 0.75
    assert "weight" in dict(net[0].named_parameters())


def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    x, y = torch.randn(64, 1, 40, 64), torch.arange(64) % 10
    data, task = Data(x, y, x, y), replace(TASKS["digits_cnn"], batch=32, bf16=False)
    begin = CONFIGURATIONS["element90"].begin
    assert begin is not None

    def trained(stops: tuple[int, ...], state: Path) -> torch.Tensor:
        for stop in stops:
            torch.manual_seed(0)
            pruning = begin(task.make(tmp_path), 8, x[:1])
            whole = Training(4, 1e-3)
            training.train(pruning, task, whole, data, 0, state, stop)
        return torch.cat([p.detach().reshape(-1) for p in pruning.finish().parameters()])

    assert torch.equal(trained((4,), tmp_path / "a.pt"), trained((2, 4), tmp_path / "b.pt"))


def test_dense_is_left_alone() -> None:
    net = torch.nn.Linear(2, 2)
    assert Nothing(net).finish() is net
