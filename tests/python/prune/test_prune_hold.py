"""Zeros that last: replaced parameters, moving averages, wrappers, training after pruning, batch norms."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from secateur.prune import (
    Pruner,
    PruningError,
    Recipe,
    hold_zeros,
    prune_oneshot,
    reestimate_batch_norm,
    sparsity_of,
)


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 3) -> None:
    for step in range(steps):
        x = torch.randn(8, 8, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


OPTIMIZERS: list[Callable[[Any], torch.optim.Optimizer]] = [
    lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    lambda p: torch.optim.AdamW(p, lr=0.01),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("given", [True, False])
def test_zeros_are_held_after_pruning(make: Callable[[Any], torch.optim.Optimizer], given: bool) -> None:
    model = net()
    optimizer = make(model.parameters())
    train(model, optimizer)  # momentum of weights that are pruned next
    prune_oneshot(model, 0.75)
    zeros = {name: p == 0 for name, p in model.named_parameters() if p.dim() > 1}
    before = model[0].weight.detach().clone()
    hold = hold_zeros(model, optimizer if given else None)
    for _ in range(3):
        train(model, optimizer, 1)
        if not given:
            hold.apply()
        for name, gone in zeros.items():
            assert not model.get_parameter(name)[gone].any()
    assert not torch.equal(model[0].weight, before)
    hold.release()
    train(model, optimizer)
    assert sparsity_of(model)["0"] < 0.1  # nothing is left behind
    assert all(not p._backward_hooks for p in model.parameters())


def test_holding_nothing_is_said_and_empty_layers_are_free() -> None:
    with pytest.raises(PruningError, match="has no zeros to hold"):
        hold_zeros(net())
    model = net()
    nn.init.zeros_(model[2].weight)
    model[0].weight.data[:, 0] = 0
    with hold_zeros(model) as hold:
        assert list(hold.masks) == ["0.weight"]


@pytest.mark.parametrize("schedule", ["constant", {"name": "cubic", "begin": 0, "end": 4}])
def test_a_replaced_parameter_is_followed_by_name(schedule: Any) -> None:
    """An assigned state dict, or another layer of the same shape: masks are of the new weight."""
    table = {"sparsity": 0.5, "scope": "uniform", "schedule": schedule}
    model, other = net(0), net(1)
    pruner = Pruner(model, table)
    model.load_state_dict(copy.deepcopy(other.state_dict()), assign=True)
    direct = Pruner(other, table)
    for _ in range(5):
        pruner.step()
        direct.step()
    assert torch.equal(model[0].weight, other[0].weight)
    model[0] = nn.Linear(8, 16)
    pruner.step()
    assert torch.equal(model[0].weight != 0, pruner.masks["0.weight"])
    model(torch.randn(4, 8)).sum().backward()
    assert not model[0].weight.grad[~pruner.masks["0.weight"]].any()


def test_a_layer_of_another_shape_is_refused() -> None:
    model = net()
    pruner = Pruner(model, Recipe(sparsity=0.5))
    model[0] = nn.Linear(8, 15)
    with pytest.raises(PruningError, match=r"layer '0': its weight '0.weight' has the shape \(15, 8\) now"):
        pruner.step()
    model[0] = nn.Identity()
    with pytest.raises(PruningError, match=r"its weight '0.weight' is gone"):
        pruner.step()
    after = Pruner(net(), Recipe(sparsity=0.5))
    after.step()
    after.model[0] = nn.Linear(8, 15)
    with pytest.raises(PruningError, match=r"parameter '0.weight' is of shape \(15, 8\) now"):
        after.step()


def test_a_moving_average_gets_the_zeros() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    ema = AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    pruner = Pruner(model, Recipe(sparsity=0.5, schedule={"name": "cubic", "begin": 0, "end": 3}))
    for _ in range(4):
        train(model, optimizer, 1)
        pruner.step()
        ema.update_parameters(model)
    assert sum(int((p == 0).sum()) for p in ema.parameters()) < 96
    want = {
        n: p.detach().clone().masked_fill(~pruner.masks[n], 0)
        for n, p in ema.module.named_parameters()
        if n in pruner.masks
    }
    pruner.finalize()
    assert pruner.apply_to(ema) is ema
    for name, values in want.items():
        assert torch.equal(ema.module.get_parameter(name), values)
    assert all(not p._backward_hooks for p in ema.parameters())


def test_a_moving_average_loses_the_same_channels() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 4, 1)).eval()
    ema, x = copy.deepcopy(model), torch.randn(2, 3, 6, 6)
    for p in ema.parameters():
        p.data += 0.01
    pruner = Pruner(model, Recipe(sparsity=0.5, pattern="channel"), x)
    pruner.step()
    pruner.finalize()
    pruner.apply_to(ema)
    assert ema[0].out_channels == ema[1].num_features == ema[3].in_channels == 8
    assert ema(x).shape == model(x).shape


def test_zeros_do_not_grow_back_at_a_lower_target() -> None:
    model = net()
    prune_oneshot(model, 0.8, scope="uniform")
    zeros = model[0].weight == 0
    pruner = Pruner(model, Recipe(sparsity=0.5, scope="uniform", schedule={"name": "constant", "at": 2}))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(4):
        train(model, optimizer, 1)
        pruner.step()
        assert not model[0].weight[zeros].any()
    pruner.finalize()
    free = Pruner(model, Recipe(sparsity=0.5, scope="uniform", keep_zeros=False))
    train(model, optimizer)
    free.step()
    assert bool(model[0].weight[zeros].any())


def test_a_state_of_an_older_recipe_without_the_newer_fields() -> None:
    pruner = Pruner(net(), Recipe(sparsity=0.5))
    pruner.step()
    state = pruner.state_dict()
    del state["recipe"]["keep_zeros"], state["recipe"]["skip_embedding"]
    other = Pruner(net(), Recipe(sparsity=0.5))
    other.load_state_dict(state)
    assert other.steps == 1


@pytest.mark.parametrize("wrapper", ["ddp", "dp", "compile"])
def test_wrappers_are_looked_into(wrapper: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 1))
    plain, x = copy.deepcopy(inner), torch.randn(2, 3, 6, 6)
    if wrapper == "ddp":
        dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        wrap: Any = {
            "ddp": nn.parallel.DistributedDataParallel,
            "dp": nn.DataParallel,
            "compile": lambda m: torch.compile(m, backend="eager"),
        }[wrapper]
        model = wrap(inner)
        table = {"sparsity": 0.5, "pattern": "channel", "overrides": {"2": {"pattern": "element"}}}
        pruner = Pruner(model, table, x)
        other = Pruner(plain, table, x)
        pruner.step()
        other.step()
        model(x).sum().backward()
        assert list(pruner.masks) == list(other.masks)
        for name, mask in pruner.masks.items():
            assert torch.equal(mask, other.masks[name])
            assert not inner.get_parameter(name).grad[~mask].any()
        assert pruner.finalize() is inner
    finally:
        if wrapper == "ddp":
            dist.destroy_process_group()


@pytest.mark.parametrize("weights", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("autocast", [False, True])
def test_dtypes_of_example_inputs_are_fitted(weights: torch.dtype, autocast: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 1)).to(weights)
    for dtype in (torch.float32, torch.bfloat16):
        twin = copy.deepcopy(model)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            prune_oneshot(twin, 0.5, pattern="channel", example_inputs=torch.randn(1, 3, 6, 6, dtype=dtype))
        assert twin[0].out_channels == 8
    with pytest.raises(PruningError, match=r"uint8\[1, 3, 6, 6\]"):
        prune_oneshot(
            model, 0.5, pattern="channel", example_inputs=torch.zeros(1, 3, 6, 6, dtype=torch.uint8)
        )


class Keywords(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 16), nn.Linear(16, 2)

    def forward(self, x: Tensor, *, mask: Tensor | None = None) -> Tensor:
        y = torch.relu(self.a(x))
        return self.b(y if mask is None else y * mask)


class Table(Keywords):
    def forward(self, batch: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(batch["pixels"])


def test_example_inputs_by_keyword_and_as_a_dictionary() -> None:
    x = torch.randn(3, 4)
    for model, inputs in (
        (Keywords(), {"x": x, "mask": torch.ones(3, 1)}),
        (Keywords(), {"x": x}),
        (Table(), {"pixels": x}),
        (Table(), ({"pixels": x},)),
    ):
        prune_oneshot(model, 0.5, pattern="channel", example_inputs=inputs)
        assert model.a.out_features == model.b.in_features == 8


def test_an_override_sets_a_score() -> None:
    model = net()
    weight = model[0].weight.detach().clone()
    recipe = {"sparsity": 0.5, "scope": "uniform", "overrides": {"0": {"score": lambda w, name: -w.abs()}}}
    prune_oneshot(model, **recipe)
    kept = model[0].weight.detach() != 0
    assert float(weight[kept].abs().max()) < float(weight[~kept].abs().min())  # the largest went
    assert sparsity_of(model) == {"0": 0.5, "2": 0.5}
    table = {"sparsity": 0.5, "overrides": {"0": {"score": "l2"}}}
    assert Recipe.from_dict(Recipe.from_dict(table).to_dict()) == Recipe.from_dict(table)


def test_layers_of_another_scale_are_not_emptied() -> None:
    model = net()
    model[0].weight.data *= 1e-3
    report = prune_oneshot(copy.deepcopy(model), 0.5)
    assert all(0.35 < row.sparsity < 0.65 for row in report.layers)
    assert not report.notes
    raw = prune_oneshot(model, 0.65, scope={"name": "global", "normalise": False})
    assert any("0 keeps 2.3% of its weights, where 35.0% were aimed at" in note for note in raw.notes)
    assert any("the global scope found its scores low" in note for note in raw.notes)


def test_batch_norms_are_measured_exactly() -> None:
    """Against the moments over all inputs at once; the batches are of one size."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(), nn.Flatten())
    model.train()
    x = 3 + 2 * torch.randn(12, 3, 4, 4)
    x[4:8] += 5
    assert reestimate_batch_norm(model, x.split(4)) == 1
    y = model[0](x).detach().double()
    torch.testing.assert_close(model[1].running_mean.double(), y.mean((0, 2, 3)), rtol=1e-5, atol=1e-5)
    biased = torch.stack([part.var((0, 2, 3)) + part.mean((0, 2, 3)).square() for part in y.split(4)]).mean(0)
    want = biased - y.mean((0, 2, 3)).square()
    torch.testing.assert_close(model[1].running_var.double(), want, rtol=1e-5, atol=1e-5)
    assert model.training
    assert model[1].momentum == 0.1
    assert model[3].training


def test_batch_norms_are_left_as_they_were_where_it_fails() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5)).eval()
    old = model[1].running_mean.clone()
    for batches, message in (
        ([], "there was no batch"),
        ([torch.full((4, 3), torch.nan)], "batch norm '1': its inputs hold NaN"),
    ):
        with pytest.raises(PruningError, match=message):
            reestimate_batch_norm(model, batches)
        assert torch.equal(model[1].running_mean, old)
        assert not model[1].training
    with pytest.raises(PruningError, match="has no batch norm"):
        reestimate_batch_norm(nn.Linear(3, 5), [torch.randn(2, 3)])
