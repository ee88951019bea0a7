"""The pruner in training: zeros stay zero under any optimizer, and a resumed run is the same run."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from secateur.prune import Cubic, Global, Pruner, PruningError, Recipe, prune_oneshot, sparsity_of

CUBIC = Cubic(begin=2, end=12, every=2)


def mlp(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 30), nn.ReLU(), nn.Linear(30, 3))


def batch(step: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(1000 + step)
    return torch.randn(16, 12, generator=g), torch.randint(3, (16,), generator=g)


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    x, y = batch(step)
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()


OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5),
}


@pytest.mark.parametrize("pattern", ["element", "4x1", "1x4", "2:4"])
@pytest.mark.parametrize("kind", list(OPTIMIZERS))
def test_pruned_weights_stay_exact_zeros(pattern: str, kind: str) -> None:
    model = mlp()
    optimizer = OPTIMIZERS[kind](model.parameters())
    fields: dict[str, Any] = {"pattern": pattern, "schedule": CUBIC}
    pruner = Pruner(model, Recipe.from_dict(fields if pattern == "2:4" else {"sparsity": 0.75, **fields}))
    gone: dict[str, Tensor] = {}
    for step in range(20):
        train_step(model, optimizer, step)
        pruner.step()
        parameters = dict(model.named_parameters())
        for name, mask in pruner.masks.items():
            assert not parameters[name][~mask].any()
            assert not (gone.get(name, ~mask) & mask).any()  # what is pruned stays pruned
            gone[name] = ~mask
    for name, mask in pruner.masks.items():
        grad = parameters[name].grad
        assert grad is not None
        assert not grad[~mask].any()  # nothing for momentum to gather
    assert pruner.finalize() is model
    want = 0.5 if pattern == "2:4" else 0.75
    assert pruner.report().sparsity == pytest.approx(want, abs=0.02)


def test_global_magnitude_against_numpy() -> None:
    model = mlp()
    weights = [m.weight.detach().numpy().copy() for m in model if isinstance(m, nn.Linear)]
    flat = np.abs(np.concatenate([w.ravel() for w in weights]))
    gone = np.zeros(flat.size, dtype=bool)
    gone[np.argsort(flat, kind="stable")[: round(0.6 * flat.size)]] = True
    prune_oneshot(model, 0.6, scope={"name": "global", "normalise": False})
    got = np.concatenate([m.weight.detach().numpy().ravel() for m in model if isinstance(m, nn.Linear)])
    np.testing.assert_array_equal(got, np.where(gone, 0, np.concatenate([w.ravel() for w in weights])))


def test_uniform_and_overrides() -> None:
    model = mlp()
    report = prune_oneshot(
        model, 0.8, scope="uniform", overrides={"2": {"sparsity": 0.5, "pattern": "2x2"}, "4": {"skip": True}}
    )
    assert sparsity_of(model) == pytest.approx({"0": 0.8, "2": 0.5, "4": 0.0}, abs=0.005)
    assert [(row.pattern, row.target, row.note) for row in report.layers] == [
        ("element", 0.8, ""), ("2x2", 0.5, ""), ("", 0.0, "skipped: override '4'"),
    ]  # fmt: skip


def test_own_sparsity_stands_outside_the_shared_threshold() -> None:
    model = mlp()
    prune_oneshot(model, 0.8, overrides={"2": {"sparsity": 0.25}})
    zeros = {k: round(v * mlp().get_submodule(k).weight.numel()) for k, v in sparsity_of(model).items()}
    assert zeros["2"] == 240  # of 960
    assert zeros["0"] + zeros["4"] == round(0.8 * (12 * 32 + 90))


def test_a_block_that_overhangs_is_no_error() -> None:
    model = nn.Sequential(nn.Conv2d(3, 7, 3), nn.Conv2d(7, 5, 1))
    prune_oneshot(model, 0.5, pattern="4x4", scope="uniform")
    assert all(0.3 < s < 0.7 for s in sparsity_of(model).values())


def test_same_input_same_masks() -> None:
    models = [mlp() for _ in range(2)]
    for model in models:
        for p in model.parameters():
            p.data = (p.data * 8).round() / 8  # many ties
        prune_oneshot(model, 0.6)
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
@pytest.mark.parametrize("cut", [1, 5, 12, 15])
def test_a_resumed_run_is_the_same_run(kind: str, cut: int) -> None:
    recipe = Recipe(sparsity=0.9, pattern="element", schedule=CUBIC, scope=Global(0.02))

    def fresh(seed: int) -> tuple[nn.Module, torch.optim.Optimizer, Pruner]:
        model = mlp(seed)
        return model, OPTIMIZERS[kind](model.parameters()), Pruner(model, recipe)

    model, optimizer, pruner = fresh(0)
    saved: tuple[Any, ...] = ()
    for step in range(20):
        if step == cut:
            saved = copy.deepcopy((model.state_dict(), optimizer.state_dict(), pruner.state_dict()))
        train_step(model, optimizer, step)
        pruner.step()
    again, optimizer, resumed = fresh(99)
    again.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    resumed.load_state_dict(saved[2])
    for step in range(cut, 20):
        train_step(again, optimizer, step)
        resumed.step()
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert resumed.steps == pruner.steps
    assert str(resumed.report()) == str(pruner.report())


def test_the_state_survives_torch_save(tmp_path: Any) -> None:
    pruner = Pruner(mlp(), Recipe(sparsity=0.5))
    pruner.step()
    torch.save(pruner.state_dict(), tmp_path / "p.pt")
    other = Pruner(mlp(), Recipe(sparsity=0.5))
    other.load_state_dict(torch.load(tmp_path / "p.pt", weights_only=True))
    assert other.steps == 1
    assert all(torch.equal(other.masks[k], m) for k, m in pruner.masks.items())


def test_a_state_that_does_not_fit() -> None:
    state = Pruner(mlp(), Recipe(sparsity=0.5)).state_dict()
    with pytest.raises(PruningError, match="another recipe; it differs in scope, sparsity"):
        Pruner(mlp(), Recipe(sparsity=0.6, scope="uniform")).load_state_dict(state)
    with pytest.raises(PruningError, match="layer '0': the state was made for another network"):
        Pruner(nn.Sequential(nn.Linear(3, 4)), Recipe(sparsity=0.5)).load_state_dict(state)
    with pytest.raises(PruningError, match="the state is of version 7"):
        Pruner(mlp(), Recipe(sparsity=0.5)).load_state_dict({**state, "version": 7})


def test_finalize_leaves_nothing_behind() -> None:
    model = mlp()
    keys = list(model.state_dict())
    pruner = Pruner(model, Recipe(sparsity=0.5))
    pruner.step()
    pruner.finalize()
    assert list(model.state_dict()) == keys
    assert not pruner.masks
    assert all(not p._backward_hooks for p in model.parameters())
    assert pruner.finalize() is model  # a second call changes nothing
    with pytest.raises(PruningError, match=r"step\(\) after finalize\(\)"):
        pruner.step()
    with pytest.raises(PruningError, match=r"load_state_dict\(\) after finalize\(\)"):
        pruner.load_state_dict(pruner.state_dict())


def test_an_unfinished_schedule_is_not_passed_over() -> None:
    model = mlp()
    pruner = Pruner(model, Recipe(sparsity=0.5, schedule=CUBIC))
    for _ in range(8):
        pruner.step()
    with pytest.raises(PruningError, match=r"reaches its sparsity at step 12: call step\(\) 5 more times"):
        pruner.finalize()
    pruner.finalize(allow_unfinished=True)
    assert 0.3 < pruner.report().sparsity < 0.5


def test_nan_weights_are_named() -> None:
    model = mlp()
    model[2].weight.data[3, 4] = float("nan")
    pruner = Pruner(model, Recipe(sparsity=0.5))
    with pytest.raises(PruningError, match="layer '2': its weight holds NaN"):
        pruner.step()


def test_what_is_pruned_stays_pruned_whatever_the_score() -> None:
    model = mlp()
    turn = [0]

    def fickle(matrix: Tensor, layer: str) -> Tensor:
        turn[0] += 1
        return torch.rand(matrix.shape, generator=torch.Generator().manual_seed(turn[0]))

    pruner = Pruner(model, Recipe(sparsity=0.8, score=fickle, scope="uniform", schedule=Cubic(0, 6)))
    before = torch.ones(32, 12, dtype=torch.bool)
    for step in range(7):
        pruner.step()
        mask = pruner.masks["0.weight"]
        assert not (mask & ~before).any()
        want = CUBIC.sparsity(12, 0.8) + (0.0 - 0.8) * (1 - step / 6) ** 3
        assert int((~mask).sum()) == int(want * mask.numel() + 0.5)
        before = mask


def test_shared_and_frozen_weights() -> None:
    a, b = nn.Linear(8, 8), nn.Linear(8, 8)
    b.weight = a.weight
    frozen = nn.Linear(8, 8).requires_grad_(False)
    model = nn.Sequential(a, b, frozen)
    prune_oneshot(model, 0.5, scope="uniform")
    assert sparsity_of(model) == {"0": 0.5, "2": 0.5}
    assert b.weight is a.weight


def test_a_single_layer_and_half_precision() -> None:
    layer = nn.Linear(16, 16)
    assert prune_oneshot(layer, 0.5).sparsity == 0.5
    half = nn.Linear(16, 16).to(torch.bfloat16)
    prune_oneshot(half, 0.5)
    assert sparsity_of(half) == {"": 0.5}
    assert half.weight.dtype == torch.bfloat16


def test_report_for_people_and_programs() -> None:
    model = mlp()
    report = prune_oneshot(model, 0.5, scope="uniform", pattern="4x1", skip=["4"])
    table = json.loads(json.dumps(report.to_dict()))
    row = table["layers"][0]
    assert (row["name"], row["shape"], row["pattern"], row["target"]) == ("0", [32, 12], "4x1", 0.5)
    assert (row["sparsity"], row["nonzeros"], row["parameters_before"]) == (0.5, 192, 416)
    zeros = sum(int((m.weight == 0).sum()) for m in model if isinstance(m, nn.Linear))
    assert report.sparsity == pytest.approx(zeros / (384 + 960 + 90))
    text = str(report)
    assert "4x1" in text
    assert "50.0%" in text
    assert "skipped: skip '4'" in text
    assert len({line.index("nonzeros") + 8 for line in text.splitlines()[:1]}) == 1
