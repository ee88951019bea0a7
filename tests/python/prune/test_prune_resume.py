"""`one_shot` stopped after any layer and called again: the same bits, and no layer solved twice."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import prune_nets as nets
import pytest
import torch
from torch import nn

from secateur.prune import Budget, PruningError, Report, one_shot

MODULE = sys.modules["secateur.prune.solve.one_shot"]
RECIPE = {"sparsity": 0.5, "scope": "uniform", "skip_last": True}


class StopError(Exception):
    """What ends a run, as a signal would."""


def run(model: nn.Module, data: Any, folder: Path | None, stop: int = 0, **options: Any) -> Report:
    def progress(done: int, layers: int, name: str) -> None:
        if done == stop:
            raise StopError

    return one_shot(model, RECIPE, data, resume=folder, progress=progress, **options)


def counted(solve: Any, names: list[str]) -> Any:
    def call(one: Any, *rest: Any) -> Any:
        names.append(one.name)
        return solve(one, *rest)

    return call


@pytest.mark.parametrize(
    "options",
    [
        {},
        pytest.param({"allocation": "error", "solver": "sweep"}, marks=pytest.mark.slow),
        pytest.param(
            {"budget": Budget("flops", share=0.5, patterns=("element", "1x4"))}, marks=pytest.mark.slow
        ),
    ],
    ids=["scope", "error", "budget"],
)
def test_stopped_after_any_layer(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With layers that are repaired, and batch norms; positions are drawn at random, too."""
    model, x = nets.make("mobilenet")
    data = x.repeat(4, 1, 1, 1).add(torch.randn(4 * len(x), *x.shape[1:])).split(4)
    whole = copy.deepcopy(model)
    totals: set[int] = set()
    want = one_shot(whole, RECIPE, data, progress=lambda _, total, __: totals.add(total), **options)
    (layers,) = totals
    assert layers > 8
    for stop in (1, layers - 2):
        folder = tmp_path / str(stop)
        with pytest.raises(StopError):
            run(copy.deepcopy(model), data, folder, stop, **options)
        solved: list[str] = []
        with monkeypatch.context() as patch:
            patch.setattr(MODULE, "solve", counted(MODULE.solve, solved))
            patch.setattr(
                sys.modules["secateur.prune.solve.shares"], "curve", None
            )  # how sparse each layer gets is not measured again
            again = copy.deepcopy(model)
            got = run(again, data, folder, **options)
        assert len(solved) == layers - stop
        for key, value in whole.state_dict().items():
            assert torch.equal(again.state_dict()[key], value), key
        assert got == want
    finished = copy.deepcopy(model)
    assert run(finished, data, tmp_path / "1", **options) == want
    assert all(torch.equal(finished.state_dict()[k], v) for k, v in whole.state_dict().items())


def test_another_run_s_folder_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = [nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2)]
    model, x = nn.Sequential(*sizes), torch.randn(64, 8)
    folder = tmp_path / "run"
    with pytest.raises(StopError):
        run(copy.deepcopy(model), x.split(16), folder, 1)
    other = copy.deepcopy(model)
    other[0].weight.data[0, 0] += 1
    for net, data, options, what in (
        (other, x, {}, "network"),
        (model, x + 1, {}, "calibration"),
        (model, x, {"seed": 1}, "seed"),
        (model, x, {"solver": "sweep", "refit": False}, "solver, refit"),
    ):
        with pytest.raises(PruningError, match=f"holds a run of another {what}; call one_shot as then"):
            run(copy.deepcopy(net), data.split(16), folder, **options)
    layer = folder / "0000.safetensors"
    layer.write_bytes(layer.read_bytes()[:-5])
    with pytest.raises(PruningError, match=r"0000\.safetensors is not a whole safetensors file"):
        run(copy.deepcopy(model), x.split(16), folder)
    (folder / "plan.json").write_text("{")
    with pytest.raises(PruningError, match=r"plan\.json is not a plan of one_shot"):
        run(copy.deepcopy(model), x.split(16), folder)
    (folder / "plan.json").unlink()
    with pytest.raises(PruningError, match="is not empty and holds no run"):
        run(copy.deepcopy(model), x.split(16), folder)
