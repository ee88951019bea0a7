"""Schedules under which weights come back, rewinding, distillation: against loops in NumPy."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from secateur.prune import (
    AcDc,
    Constant,
    Iterative,
    Linear,
    Pruner,
    PruningError,
    Recipe,
    RigL,
    distillation_loss,
)  # fmt: skip


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 12), nn.Tanh(), nn.Linear(12, 4))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    x = torch.randn(16, 8, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()


def zeros(model: nn.Module) -> int:
    return sum(int((p == 0).sum()) for p in model.parameters() if p.dim() == 2)


def test_acdc_opens_and_closes() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    pruner = Pruner(model, Recipe(sparsity=0.5, scope="uniform", schedule=AcDc(begin=2, end=6, period=2)))
    counts = []
    for step in range(9):
        train(model, optimizer, step)
        pruner.step()
        counts.append(zeros(model))
    half = (8 * 12 + 12 * 4) // 2
    assert counts[:5] + counts[6:] == [0, 0, half, half, half, half, half, half]
    assert counts[5] < half // 4  # opened at 4, what was zero moves at 5
    pruner.finalize()


@pytest.mark.parametrize("grow", ["gradient", "random"])
def test_weights_change_places(grow: str) -> None:
    """One exchange, against a sort of weights and of gradients that nothing masks."""
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = RigL(end=8, every=2, fraction=0.4, grow=grow)
    pruner = Pruner(model, Recipe(sparsity=0.5, scope="uniform", schedule=schedule))
    for step in range(2):
        train(model, optimizer, step)
        pruner.step()
    x = torch.randn(16, 8, generator=torch.Generator().manual_seed(2))
    twin = copy.deepcopy(model)
    for parameter in twin.parameters():
        parameter._backward_hooks = None
    twin(x).square().mean().backward()
    before = pruner.masks["0.weight"].numpy()
    train(model, optimizer, 2)
    size = np.abs(model[0].weight.detach().numpy())
    pruner.step()
    after = pruner.masks["0.weight"].numpy()
    count = int(0.4 / 2 * (1 + np.cos(np.pi * 2 / 8)) * before.sum())
    assert after.sum() == before.sum() == 48
    gone, come = before & ~after, after & ~before
    assert gone.sum() == come.sum() == count > 0
    assert size[gone].max() <= size[after & before].min()
    if grow == "gradient":
        steep = np.abs(twin[0].weight.grad.numpy())
        assert steep[come].min() >= steep[~before & ~after].max()
    assert not model[0].weight.detach().numpy()[come].any()  # from zero
    for step in range(3, 9):
        train(model, optimizer, step)
        pruner.step()
        assert zeros(model) >= 72
    pruner.finalize()


@pytest.mark.parametrize(
    "schedule", [RigL(end=8, every=2), AcDc(0, 6, 2), Iterative(3, 2, begin=2, rewind=1)]
)
def test_resumed_runs_are_the_same_bits(schedule: object) -> None:
    recipe = Recipe(sparsity=0.5, scope="uniform", schedule=schedule)  # type: ignore[arg-type]
    runs = []
    for stop in (None, 4):
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        pruner = Pruner(model, recipe)
        for step in range(9):
            if step == stop:
                state = copy.deepcopy((model.state_dict(), optimizer.state_dict(), pruner.state_dict()))
                model = net()
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
                pruner = Pruner(model, recipe)
                for part, saved in zip((model, optimizer, pruner), state, strict=True):
                    part.load_state_dict(saved)
            train(model, optimizer, step)
            pruner.step()
        runs.append(model)
    for a, b in zip(runs[0].parameters(), runs[1].parameters(), strict=True):
        assert torch.equal(a, b)


def test_rounds_rewind() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    pruner = Pruner(
        model, Recipe(sparsity=0.75, scope="uniform", schedule=Iterative(2, every=3, begin=3, rewind=1))
    )
    early = {}
    for step in range(7):
        train(model, optimizer, step)
        pruner.step()
        if step == 1:
            early = {key: value.clone() for key, value in model.state_dict().items()}
        if step in (3, 6):
            mask = pruner.masks["0.weight"]
            assert int((~mask).sum()) == {3: 48, 6: 72}[step]
            assert torch.equal(model[0].weight, early["0.weight"] * mask)
            assert torch.equal(model[0].bias, early["0.bias"])
    pruner.finalize()


def test_schedules_read_and_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for schedule in (Linear(0, 10, 2), Iterative(3, 5), AcDc(0, 10, 2), RigL(50)):
        recipe = Recipe(sparsity=0.5, schedule=schedule)
        assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert Constant(3).per_epoch(50) == Constant(150)
    assert Iterative(3, 2, 1, rewind=1).per_epoch(10) == Iterative(3, 20, 10, rewind=10)
    for make, message in (
        (lambda: Iterative(3, 5, rewind=1), "rewind must be at or before begin"),
        (lambda: RigL(10, fraction=1.0), "fraction must be between 0 and 1"),
        (lambda: RigL(10, grow="all"), "grow must be 'gradient' or 'random'"),
        (lambda: AcDc(5, 5, 1), "end must be a whole number from 6"),
    ):
        with pytest.raises(PruningError, match=message):
            make()
    x = torch.randn(2, 8)
    pruner = Pruner(net(), Recipe(sparsity=0.5, pattern="channel", schedule=RigL(4, every=1)), x)
    pruner.step()
    with pytest.raises(PruningError, match="channels of 0 cannot change places: take another schedule"):
        pruner.step()
    pruner = Pruner(net(), Recipe(sparsity=0.5, schedule=RigL(4, every=1)))
    pruner.step()
    with pytest.raises(PruningError, match="layer '0': what comes back is chosen by gradients, and no"):
        pruner.step()
    path = tmp_path / "r.yaml"
    path.write_text("sparsity: 0.5\nschedule: {name: linear, begin: 0, end: 9}\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(PruningError, match=r"YAML needs PyYAML \(pip install pyyaml\)"):
        Recipe.load(path)


def test_yaml_recipes(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    path = tmp_path / "r.yaml"
    path.write_text("sparsity: 0.5\nschedule: {name: linear, begin: 0, end: 9}\n")
    assert Recipe.load(path).schedule == Linear(0, 9)
    path.write_text("sparsity: [")
    with pytest.raises(PruningError, match=r"r\.yaml: while parsing"):
        Recipe.load(path)


def test_distillation_against_numpy() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(5, 7, requires_grad=True), torch.randn(5, 7, requires_grad=True)
    labels = torch.randint(7, (5,))

    def softmax(x: torch.Tensor) -> np.ndarray:
        e = np.exp(x.detach().double().numpy())
        return e / e.sum(1, keepdims=True)

    p, q = softmax(teacher / 2), softmax(student / 2)
    divergence = (p * np.log(p / q)).sum(1).mean() * 4
    entropy = -np.log(softmax(student)[np.arange(5), labels.numpy()]).mean()
    assert distillation_loss(student, teacher, temperature=2).item() == pytest.approx(divergence, rel=1e-5)
    loss = distillation_loss(student, teacher, labels, temperature=2, share=0.7)
    assert loss.item() == pytest.approx(0.7 * divergence + 0.3 * entropy, rel=1e-5)
    loss.backward()
    assert student.grad is not None
    assert teacher.grad is None
    with pytest.raises(PruningError, match=r"logits are \(5, 7\), the teacher's \(7, 5\)"):
        distillation_loss(student, teacher.T)
    with pytest.raises(PruningError, match="temperature is above 0"):
        distillation_loss(student, teacher, temperature=0)
