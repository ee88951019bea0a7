"""How an error in a layer counts: by what it does to the outputs, measured by changing weights for real."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from secateur.prune import Budget, one_shot, sparsity_of
from secateur.prune.example import Example
from secateur.prune.solve.effects import Changes, effects
from secateur.prune.solve.walk import Walk, operator_name


def test_effects_are_what_changed_weights_do_to_the_outputs() -> None:
    """A small change of one row of weights at a time, in a network run for real."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 4, 3, 2, groups=2), nn.Tanh(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5),
    ).eval()  # fmt: skip
    x = torch.randn(64, 3, 5, 5)
    walk = Walk(copy.deepcopy(model), [Example.of(part) for part in x.split(16)], None)
    layers = {
        node: walk.names[node.args[1]]
        for node in walk.graph.nodes
        if operator_name(node) in ("conv2d", "linear")
    }
    assert sorted(layers.values()) == ["0.weight", "2.weight", "6.weight"]
    changes = {}
    for node, path in layers.items():
        weight = model.get_parameter(path)
        groups = 2 if path == "2.weight" else 1
        change = 1e-3 * torch.randn(groups, len(weight) // groups, weight[0].numel())
        changes[node] = Changes(torch.stack([change, 3 * change]), 1, torch.zeros(groups, change.shape[2]))
    generator, repeats = torch.Generator().manual_seed(0), 12
    sums = {node: torch.zeros(2, dtype=torch.float64) for node in layers}
    for _ in range(repeats):  # more probes than one allocation wants
        for node, found in effects(walk, changes, generator).items():
            sums[node] += found / repeats
    with torch.no_grad():
        dense = [model(part) for part in x.split(16)]
        for node, path in layers.items():
            for choice in range(2):
                want = sum(
                    changed(model, path, row, changes[node].weights[choice], x, dense)
                    for row in range(len(model.get_parameter(path)))
                )
                assert float(sums[node][choice]) == pytest.approx(want, rel=0.15)
            assert float(sums[node][1] / sums[node][0]) == pytest.approx(9, rel=1e-4)


def changed(model: nn.Module, path: str, row: int, change: Tensor, x: Tensor, dense: list[Tensor]) -> float:
    """The mean over inputs of the squared change of the outputs, of unit spread in each batch."""
    other = copy.deepcopy(model)
    weight = other.get_parameter(path)
    weight[row] += change.reshape(weight.shape)[row]
    parts = zip(x.split(16), dense, strict=True)
    return sum(float((other(p) - y).square().sum()) / float(y.var(correction=0)) for p, y in parts) / len(x)


class Faint(nn.Module):
    """A branch that hardly reaches the outputs, and one that does, of the same weights and inputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.loud, self.faint = nn.Linear(24, 24), nn.Linear(24, 24)
        self.faint.load_state_dict(self.loud.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.loud(x)) + 0.01 * torch.tanh(self.faint(x))


@pytest.mark.parametrize("way", ["allocation", "budget"])
def test_layers_that_hardly_matter_are_pruned_most(way: str) -> None:
    """Over their own outputs both layers lose as much."""
    model, x = Faint().eval(), torch.randn(256, 24)
    if way == "allocation":
        one_shot(model, {"sparsity": 0.5, "scope": "uniform"}, x.split(64), allocation="error")
    else:
        one_shot(model, {"sparsity": 0.5}, x.split(64), budget=Budget("flops", share=0.5))
    found = sparsity_of(model)
    assert found["faint"] > 0.85
    assert found["loud"] < 0.15


class Steps(nn.Module):
    """No gradient comes through."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.a(x))).argmax(1)


def test_outputs_without_a_gradient_are_said() -> None:
    torch.manual_seed(0)
    model, x = Steps().eval(), torch.randn(256, 16)
    report = one_shot(model, {"sparsity": 0.5}, x.split(64), allocation="error")
    assert report.sparsity == pytest.approx(0.5, abs=0.02)
    assert any("the outputs have no gradient" in note for note in report.notes)
