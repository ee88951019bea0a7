"""Budgets in words: what is left, counted from the network itself, keeps to them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import prune_nets as nets
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from secateur.prune import Channel, Pruner, PruningError, Recipe, one_shot
from secateur.prune.goal import Goal


def flops(model: nn.Module, x: torch.Tensor) -> int:
    """As torch counts them, for all of `x`."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops()


def finished(pruner: Pruner) -> nn.Module:
    for _ in range(pruner.recipe.schedule.last + 1):
        pruner.step()
    return pruner.finalize()


@pytest.mark.parametrize("pattern", ["element", "4x1", Channel(round_to=1)])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_parameters_that_are_left(pattern: Any, share: float) -> None:
    model, x = nets.make("mobilenet")
    for p in model.parameters():
        p.data[p == 0] = 0.01  # a bias that starts at zero counts as what it is, a parameter
    before = sum(p.numel() for p in model.parameters())
    finished(Pruner(model, {"budget": f"params={share}", "pattern": pattern}, x))
    left = sum(int(p.count_nonzero()) for p in model.parameters())
    assert left <= share * before
    assert left > 0.9 * share * before


@pytest.mark.parametrize("name", ["mobilenet", "unet"])
@pytest.mark.parametrize("scope", ["uniform", "global"])
def test_flops_are_those_that_torch_counts(name: str, scope: str) -> None:
    model, x = nets.make(name)
    dense = flops(model, x) / len(x)
    pruner = Pruner(model, {"budget": "flops=0.5", "pattern": Channel(round_to=1), "scope": scope}, x)
    pruner.step()
    found = pruner.account()
    assert found.before.flops == dense
    small = pruner.finalize()
    assert found.after.flops == flops(small, x) / len(x) <= 0.5 * dense
    assert found.after.flops > 0.4 * dense
    assert found.after.parameters == sum(p.numel() for p in small.parameters())
    assert found.before.parameters == sum(p.numel() for p in nets.make(name)[0].parameters())


@pytest.mark.parametrize("name", ["mobilenet", "unet"])
def test_an_exported_program_takes_what_its_network_does(name: str) -> None:
    model, x = nets.make(name)
    program = torch.export.export(model, (x,), strict=False).module()
    found = [Pruner(m, {"sparsity": 0.5}, x).account().before for m in (model, program)]
    assert found[0] == found[1]
    assert found[0].flops == flops(model, x) / len(x)


def test_layers_that_are_used_often_count_as_often() -> None:
    """A linear layer over tokens, an attention, a recurrent layer, an embedding: uses counted by hand."""

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(11, 8)
            self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
            self.gru, self.twice = nn.GRU(8, 6, batch_first=True, bidirectional=True), nn.Linear(12, 12)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.words(x)
            y = self.gru(self.attend(y, y, y, need_weights=False)[0])[0]
            return self.twice(self.twice(y).mean(1))

    model, x = Mixed().eval(), torch.randint(11, (3, 5))
    pruner = Pruner(model, {"sparsity": 0.5, "scope": "uniform"}, x)
    places = {row.name: row.positions for row in pruner.account().layers}
    assert places == {
        "words": 0, "attend.in_proj_weight": 5, "attend.out_proj": 5, "gru.weight_ih_l0": 5,
        "gru.weight_hh_l0": 5, "gru.weight_ih_l0_reverse": 5, "gru.weight_hh_l0_reverse": 5, "twice": 6,
    }  # fmt: skip


def test_bytes_of_a_network_by_its_formula() -> None:
    """Four bytes a value, one an index (a block has one), four a row of starts; biases dense."""
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16))
    dense = 4 * sum(p.numel() for p in model.parameters())
    for pattern, block, rows in (("element", 1, 33 + 17), ("4x1", 4, 9 + 5)):
        net = copy.deepcopy(model)
        finished(Pruner(net, {"budget": "bytes=0.4", "pattern": pattern, "scope": "uniform"}))
        values = sum(int(net[i].weight.count_nonzero()) for i in (0, 2))
        taken = 4 * values + values / block + 4 * rows + 4 * 48
        assert 0.38 * dense < taken <= 0.4 * dense


def test_milliseconds_by_a_cost_function_and_per_layer() -> None:
    model, x = nets.make("mobilenet")

    def cost(layer: str, rows: int, cols: int, positions: int, pattern: str, sparsity: float) -> float:
        return positions * rows * (1 + cols * (1 - sparsity))

    pruner = Pruner(model, {"budget": "ms=0.6x", "scope": "uniform"}, x, costs=cost)
    pruner.step()
    found = pruner.account(cost)
    total = dense = 0.0
    for row in found.layers:
        weight = model.get_submodule(row.name).weight
        total += row.positions * (len(weight) + int(weight.count_nonzero()))
        dense += row.positions * (len(weight) + weight.numel())
    assert found.before.milliseconds == pytest.approx(dense)
    assert found.after.milliseconds == pytest.approx(total)
    assert 0.59 * dense < total <= 0.6 * dense
    assert "ms" in str(found).splitlines()[0]
    assert found.to_dict()["after"]["milliseconds"] == found.after.milliseconds


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"budget": "params=0.01"}, r"the nearest that can be kept is params=(0\.\d+)x"),
        ({"budget": "params=30"}, r"the nearest that can be kept is params=(\d+)"),
        ({"budget": "flops=0.1", "overrides": {"0": {"sparsity": 0.1}}}, r"is flops=(0\.\d+)x"),
        ({"budget": "params=0.1", "pattern": "2:4"}, r"is params=(0\.\d+)x"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_what_can(table: dict[str, Any], message: str) -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16)), torch.randn(2, 64)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(PruningError, match=message) as caught:
        Pruner(model, table, x)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    nearest = str(caught.value).rpartition("kept is ")[2]
    finished(Pruner(model, {**table, "budget": nearest}, x))  # and it can


def test_a_resumed_run_aims_at_what_the_first_found() -> None:
    """The budget's sparsity is of the dense weights, which the second pruner does not see."""
    recipe = {"budget": "flops=0.4", "schedule": {"name": "cubic", "begin": 0, "end": 4}}
    model, x = nets.make("mobilenet")
    first = Pruner(model, recipe, x)
    first.step()
    again = copy.deepcopy(model)
    second = Pruner(again, recipe, x)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for pruner in (first, second):
        for _ in range(4):
            pruner.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert [row.target for row in first.report().layers] == [row.target for row in second.report().layers]


def test_one_shot_reads_the_recipe_s_budget() -> None:
    model, x = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8)).eval(), torch.randn(64, 16)
    one_shot(model, {"budget": "params=0.5"}, x.split(32))
    left = sum(int(m.weight.count_nonzero()) + len(m.bias) for m in (model[0], model[2]))
    assert 0.45 * 808 < left <= 0.5 * 808
    with pytest.raises(PruningError, match="ms needs costs"):
        one_shot(model, {"budget": "ms=0.5x"}, x.split(32))


def test_words_and_bad_ones(tmp_path: Path) -> None:
    assert Goal.parse("params=2.5M").limit(9e9) == 2.5e6
    assert Goal.parse("BYTES = 500k").limit(1.0) == 5e5
    assert Goal.parse("flops=0.25").limit(8.0) == 2.0
    assert Goal.parse("ms=0.25").limit(8.0) == 0.25
    for bad in ("flops", "flops=", "flops=-1", "watts=3", "flops=0", "flops=2x", 3, "flops=nan"):
        with pytest.raises(PruningError, match="budget"):
            Goal.parse(bad)
    (tmp_path / "r.json").write_text('{"budget": "flops=half"}')
    with pytest.raises(PruningError, match=r"r\.json: budget: expected params, flops, bytes, ms = a number"):
        Recipe.load(tmp_path / "r.json")
    with pytest.raises(PruningError, match="a sparsity or a budget"):
        Recipe(sparsity=0.5, budget="flops=0.5")
    recipe = Recipe(budget="flops=0.5", pattern="4x1")
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    for budget, message in (("flops=0.5", "give example_inputs"), ("ms=1", "what layers take")):
        with pytest.raises(PruningError, match=message):
            Pruner(nn.Linear(8, 8), {"budget": budget})
    pruner = Pruner(nn.Linear(8, 8), {"budget": "params=0.5"})
    pruner.step()
    pruner.finalize()
    with pytest.raises(PruningError, match="after finalize"):
        pruner.account()


@pytest.mark.parametrize("name", ["vit", "text"])
def test_transformers_reach_the_parameters_that_were_asked_for(name: str) -> None:
    """Heads go with their queries, keys, values and columns, and widths with all that reads them."""
    model, x = nets.make(name)
    before = sum(p.numel() for p in model.parameters())
    for share in (0.4, 0.7):
        small = copy.deepcopy(model)
        finished(Pruner(small, {"budget": f"params={share}", "pattern": Channel(round_to=1)}, x))
        left = sum(p.numel() for p in small.parameters())
        assert 0.95 * share * before <= left <= share * before
        assert small(x).shape == model(x).shape


class Cast(nn.Module):
    """A softmax in full precision, as transformers writes it: torch.export checks the dtype before `to`."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.relu(self.a(x).to(torch.float32).to(x.dtype)))


def test_a_cast_of_the_dtype_pins_no_channel() -> None:
    model, x = Cast().eval(), torch.randn(2, 6)
    graph = torch.export.export(model, (x,), strict=False).graph
    assert any("_assert_tensor_metadata" in str(node.target) for node in graph.nodes)
    finished(Pruner(model, {"sparsity": 0.5, "pattern": "channel"}, x))
    assert model.a.out_features == model.b.in_features == 4
