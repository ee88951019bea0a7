"""Budgets against exhaustive search and against counting what is left."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import prune_nets as nets
import pytest
import torch
from torch import nn

from secateur.prune import Budget, PruningError, one_shot
from secateur.prune.solve import Option, choose_options


@pytest.mark.parametrize("seed", range(8))
def test_choices_against_every_combination(seed: int) -> None:
    rng = np.random.default_rng(seed)
    options = {
        name: [Option(str(i), 0.0, float(rng.random()), float(rng.integers(1, 40))) for i in range(4)]
        for name in "abcd"
    }
    cheapest = sum(min(o.cost for o in found) for found in options.values())
    limit = cheapest + float(rng.integers(5, 40))
    best = min(
        sum(o.error for o in picked)
        for picked in itertools.product(*options.values())
        if sum(o.cost for o in picked) <= limit * (1 - 4 / 4000)
    )
    chosen = choose_options(options, limit).values()
    assert sum(o.cost for o in chosen) <= limit
    assert sum(o.error for o in chosen) <= best + 1e-12
    with pytest.raises(PruningError, match=f"the least they can take is {cheapest:.6g}"):
        choose_options(options, cheapest - 0.5)
    assert sum(o.cost for o in choose_options(options, cheapest).values()) == cheapest


def net() -> tuple[nn.Module, list[torch.Tensor]]:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 24, 1), nn.ReLU(),
        nn.Conv2d(24, 24, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 16, 10),
    ).eval()  # fmt: skip
    return model, [torch.randn(16, 3, 8, 8) for _ in range(3)]


POSITIONS = {"0": 64, "2": 64, "4": 16, "7": 1}


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: model.get_submodule(name).weight.detach() for name in POSITIONS}


@pytest.mark.parametrize("share", [0.7, 0.4, 0.15])
@pytest.mark.parametrize("kind", ["flops", "parameters"])
def test_what_is_left_keeps_to_the_budget(kind: str, share: float) -> None:
    model, data = net()
    dense = weights(copy.deepcopy(model))
    one_shot(model, {"sparsity": 0.5}, data, budget=Budget(kind, share=share))
    left = weights(model)
    if kind == "flops":
        total = sum(2 * w.numel() * POSITIONS[name] for name, w in dense.items())
        now = sum(2 * int(w.count_nonzero()) * POSITIONS[name] for name, w in left.items())
    else:
        biases = sum(p.numel() for p in model.parameters() if p.dim() == 1)
        total = biases + sum(w.numel() for w in dense.values())
        now = biases + sum(int(w.count_nonzero()) for w in left.values())
    assert 0.93 * share <= now / total <= share * 1.01  # sparsities are whole hundredths of a layer
    shares = [float((w == 0).float().mean()) for w in left.values()]
    assert max(shares) - min(shares) > 0.05


def test_a_table_of_milliseconds_lets_patterns_compete() -> None:
    """Blocks are told to be four times as fast in one layer, and slower than elements in another."""
    model, data = net()

    def line(dense: float, speed: float) -> dict[float, float]:
        return {s: dense * (1 - s) / speed for s in (0.0, 0.5, 0.95)}

    costs = {
        name: {"dense": {0.0: 1.0}, "element": line(1.0, 1.0), "1x4": line(1.0, 4.0 if name == "4" else 0.5)}
        for name in POSITIONS
    }
    budget = Budget("milliseconds", limit=1.6, patterns=("element", "1x4"), costs=costs, rest=0.1)
    report = one_shot(model, {"sparsity": 0.5}, data, budget=budget)
    found = {row.name: row.pattern for row in report.layers}
    assert found["4"] == "1x4"
    assert {found[name] for name in ("0", "2", "7")} == {"element"}
    spent = 0.1
    for row in report.layers:
        points = costs[row.name]["dense" if row.target == 0 else row.pattern]
        spent += float(np.interp(row.target, list(points), list(points.values())))
    assert 1.5 < spent <= 1.6
    assert any(
        note.startswith(f"budget: {spent:.6g} milliseconds of at most 1.6; dense 4.1")
        for note in report.notes
    )
    blocks = (model[4].weight.detach().reshape(24, -1, 4) != 0).any(2)
    assert float(blocks.float().mean()) == pytest.approx(
        1 - next(r.target for r in report.layers if r.name == "4"), abs=0.02
    )


def test_a_function_says_what_layers_take() -> None:
    model, data = net()
    seen: dict[str, tuple[int, int, int]] = {}

    def cost(name: str, rows: int, cols: int, positions: int, pattern: str, sparsity: float) -> float:
        seen[name] = rows, cols, positions
        return rows * cols * positions * (1 - sparsity) * (1.0 if pattern == "dense" else 1.25)

    report = one_shot(model, {"sparsity": 0.5}, data, budget=Budget("milliseconds", share=0.5, costs=cost))
    assert seen == {"0": (16, 27, 64), "2": (24, 16, 64), "4": (24, 216, 16), "7": (10, 384, 1)}
    total = sum(r * c * p for r, c, p in seen.values())
    spent = sum(
        cost(r.name, *seen[r.name], "dense" if r.target == 0 else r.pattern, r.target) for r in report.layers
    )
    assert 0.48 * total < spent <= 0.5 * total
    budget = Budget("milliseconds", share=0.5, costs=lambda *_: float("nan"))
    with pytest.raises(PruningError, match="the cost of layer '0' as dense at 0 is nan"):
        one_shot(model, {"sparsity": 0.5}, data, budget=budget)


def test_a_file_of_bytes() -> None:
    model, data = net()
    report = one_shot(model, {"sparsity": 0.5}, data, budget=Budget("bytes", share=0.5))
    total, now = 0.0, 0.0
    for w in weights(model).values():
        dense, kept = 4 * w.numel(), int(w.count_nonzero())
        total += dense
        now += min(dense, 5 * kept + 4 * (len(w) + 1))
    biases = 4 * sum(p.numel() for p in model.parameters() if p.dim() == 1)
    assert 0.45 * (total + biases) < now + biases <= 0.505 * (total + biases)
    assert report.sparsity > 0.5


def test_bad_budgets() -> None:
    for arguments, message in (
        (("seconds", 1.0), "'seconds' is none of parameters, flops, bytes, milliseconds"),
        (("flops",), "give a limit, or a share"),
        (("flops", 1.0, 0.5), "give a limit, or a share"),
        (("flops", -1.0), "limit must be a number above 0, got -1.0"),
        (("flops", None, 1.5), "share is of the dense network, at most 1"),
        (("milliseconds", 1.0), "need a table of costs"),
        (("flops", None, 0.5, ("3by4",)), "budget.patterns"),
    ):
        with pytest.raises(PruningError, match=message):
            Budget(*arguments)
    model, data = net()
    before = copy.deepcopy(model.state_dict())
    for budget, message in (
        (Budget("flops", share=0.01), "the least they can take is"),
        (Budget("parameters", limit=10), "budget: 10 parameters is below what is not pruned, 74"),
        (Budget("milliseconds", limit=1, costs={}), "the table of costs has no layer '0'"),
        (
            Budget("milliseconds", limit=1, costs={name: {"dense": {0.0: 1.0}} for name in POSITIONS}),
            "has no pattern 'element' for layer '0'",
        ),
    ):
        with pytest.raises(PruningError, match=message):
            one_shot(model, {"sparsity": 0.5}, data, budget=budget)
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    with pytest.raises(PruningError, match="give a budget or an allocation"):
        one_shot(model, {"sparsity": 0.5}, data, budget=Budget("flops", share=0.5), allocation="erk")


def test_what_is_skipped_counts_and_stays() -> None:
    model, x = nets.make("mobilenet")
    data = [torch.randn(8, *x.shape[1:]) for _ in range(4)]
    dense = copy.deepcopy(model)
    one_shot(model, {"sparsity": 0.5, "skip_last": True}, data, budget=Budget("parameters", share=0.6))
    count = sum(int(p.count_nonzero()) if p.dim() > 1 else p.numel() for p in model.parameters())
    total = sum(p.numel() for p in dense.parameters())
    assert 0.55 < count / total <= 0.605
    assert int((model.head[1].weight == 0).sum()) == 0
