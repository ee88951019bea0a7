"""What other pruners left: their masks, their zeros, their recipes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from secateur.prune import (
    Cubic,
    Linear,
    Pruner,
    PruningError,
    hold_zeros,
    import_zeros,
    make_permanent,
    prune_oneshot,
    recipe_from_sparseml,
    sparsity_of,
)


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 16), nn.Linear(16, 4))


def masked() -> nn.Sequential:
    model = net()
    torch_prune.l1_unstructured(model[0], "weight", amount=0.5)
    torch_prune.ln_structured(model[3], "weight", amount=0.25, n=2, dim=0)
    torch_prune.random_unstructured(model[3], "bias", amount=0.5)
    return model


def test_masks_of_torch_become_zeros_that_stay() -> None:
    model = masked()
    x = torch.randn(2, 3, 6, 6)
    want = model(x).detach()
    zeros = [model[0].weight == 0, model[3].weight == 0]
    assert make_permanent(model) == ["0.weight", "3.weight", "3.bias"]
    assert torch.equal(model(x), want)
    assert sorted(model.state_dict()) == sorted(net().state_dict())
    prune_oneshot(model, 0.6, scope="uniform")
    assert all(not model[i].weight[gone].any() for i, gone in zip((0, 3), zeros, strict=True))
    with pytest.raises(PruningError, match="Sequential has no mask of torch"):
        make_permanent(model)


@pytest.mark.parametrize("form", ["torch", "zeros", "masks", "ddp"])
def test_zeros_of_a_state_are_taken_and_held(form: str) -> None:
    source = masked()
    zeros = {f"{i}.weight": (source[i].weight == 0).clone() for i in (0, 3)}
    state: dict[str, Any] = dict(source.state_dict())
    if form != "torch":
        make_permanent(source)
        state = dict(source.state_dict())
    if form == "masks":
        state = {name: ~gone for name, gone in zeros.items()}
    if form == "ddp":
        state = {f"module._orig_mod.{name}": value for name, value in state.items()}
    model = net(1)
    before = copy.deepcopy(model.state_dict())
    assert import_zeros(model, state) == {"0": 0.5, "3": 0.25}
    for name, gone in zeros.items():
        assert torch.equal(model.state_dict()[name], before[name].masked_fill(gone, 0))
    assert torch.equal(model[3].bias, before["3.bias"])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with hold_zeros(model, optimizer):
        model(torch.randn(4, 3, 6, 6)).square().mean().backward()
        optimizer.step()
    assert sparsity_of(model) == {"0": 0.5, "3": 0.25, "4": 0.0}


def test_states_that_do_not_fit() -> None:
    model = net()
    before = copy.deepcopy(model.state_dict())
    good = (model[0].weight.detach() > 0).float()
    small = {"0.weight": good, "3.weight": torch.zeros(3, 3)}
    foreign = {"a": torch.zeros(3), "b": torch.ones(2)}
    for state, message in (
        (small, r"'3.weight' is \(3, 3\) in the state, and \(16, 128\)"),
        (foreign, "no zeros for the weights of Sequential: its names are like 'a', 'b'"),
        ({"3.weight": torch.zeros(16, 128)}, "no zeros for the weights"),
    ):
        with pytest.raises(PruningError, match=message):
            import_zeros(model, state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


GRADUAL = {
    "params": ["re:^0.*", "3.weight"], "init_sparsity": 0.05, "final_sparsity": 0.8, "start_epoch": 1.0,
    "end_epoch": 5.0, "update_frequency": 0.5, "inter_func": "cubic", "mask_type": "unstructured",
}  # fmt: skip
RATES: dict[str, Any] = {"SetLearningRateModifier": {"start_epoch": 0.0, "learning_rate": 0.01}}


def test_a_gradual_recipe_prunes_as_its_formula_says() -> None:
    """SparseML's cubic function, at every update: f + (i - f) (1 - (e - s) / (n - s))^3."""
    model = net()
    recipe, notes = recipe_from_sparseml({"modifiers": [{"GMPruningModifier": GRADUAL}, RATES]}, model, 4)
    assert recipe.schedule == Cubic(4, 20, 2, 0.05)
    assert notes == ["SetLearningRateModifier is left out: learning rates are the optimizer's"]
    pruner = Pruner(model, recipe)
    for step in range(21):
        pruner.step()
        if step >= 4 and step % 2 == 0:
            want = 0.8 + (0.05 - 0.8) * (1 - (step / 4 - 1) / 4) ** 3
            for i in (0, 3):
                share = float((model[i].weight == 0).float().mean())
                assert abs(share - want) <= 1 / model[i].weight.numel()
    assert bool((model[4].weight != 0).all())
    pruner.finalize()


def test_several_modifiers_and_masks() -> None:
    model = net()
    other = {**GRADUAL, "params": ["4.weight"], "final_sparsity": 0.5, "mask_type": [1, 4]}
    nm = {**GRADUAL, "params": ["3.weight"], "mask_type": "2:4"}
    first = {**GRADUAL, "params": ["0.weight"]}
    table = {"stage": {"pruning_modifiers": [{"GMPruningModifier": f} for f in (first, other, nm)]}}
    recipe, _ = recipe_from_sparseml(table, model, 1)
    pruner = Pruner(model, recipe)
    for _ in range(recipe.schedule.last + 1):
        pruner.step()
    pruner.finalize()
    assert {name: round(s, 1) for name, s in sparsity_of(model).items()} == {"0": 0.8, "3": 0.5, "4": 0.5}
    assert bool((model[4].weight.view(4, 4, 4) == 0).all(2).sum() == 8)
    assert bool(((model[3].weight.view(16, 32, 4) != 0).sum(2) == 2).all())
    constant = {"pruning_modifiers": {"ConstantPruningModifier": {"params": "__ALL_PRUNABLE__"}}}
    held, _ = recipe_from_sparseml(constant, model, 1)
    before = sparsity_of(model)
    prune_oneshot(model, sparsity=0.0, scope="uniform", overrides=held.overrides)
    assert sparsity_of(model) == before
    whole = {**GRADUAL, "params": "__ALL_PRUNABLE__", "global_sparsity": True, "inter_func": "linear"}
    recipe, _ = recipe_from_sparseml({"modifiers": [{"MagnitudePruningModifier": whole}]}, net(), 2)
    assert recipe.scope.to_dict()["name"] == "global"
    assert recipe.schedule == Linear(2, 10, 1, 0.05)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"params": ["re:head.*"]}, "no weight .* is 're:head"),
    ({"end_epoch": "eval(n)"}, r"end_epoch: expected a number"),
    ({"mask_type": "tensor"}, "mask_type: 'tensor' is none of"),
    ({"inter_func": "sine"}, "inter_func: 'sine' is none of"),
]


@pytest.mark.parametrize(("fields", "message"), BAD)
def test_fields_that_are_not_understood(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(PruningError, match=message):
        recipe_from_sparseml({"modifiers": [{"GMPruningModifier": {**GRADUAL, **fields}}]}, net(), 4)


def test_recipes_that_are_not_understood() -> None:
    one, other = ({"GMPruningModifier": {**GRADUAL, "end_epoch": end}} for end in (5.0, 9.0))
    for modifiers, message in (
        (
            [{"QuantizationModifier": {}}, {"MFACPruningModifier": {}}, RATES],
            "no counterpart here: MFACPruningModifier, QuantizationModifier; take them out",
        ),
        ([RATES], "the recipe prunes nothing"),
        ([one, other], "a Recipe has one schedule"),
        (["GMPruningModifier"], "modifiers: expected modifiers with their fields"),
    ):
        with pytest.raises(PruningError, match=message):
            recipe_from_sparseml({"modifiers": modifiers}, net(), 4)


def test_the_yaml_of_sparseml(tmp_path: Path) -> None:
    """Both ways in which its recipes are written: tags in a list, and stages of tables."""
    pytest.importorskip("yaml")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "modifiers:\n  - !EpochRangeModifier\n      start_epoch: 0.0\n      end_epoch: 8.0\n"
        "  - !GMPruningModifier\n      params: ['re:^0.*', 3.weight]\n      init_sparsity: 0.05\n"
        "      final_sparsity: 0.8\n      start_epoch: 1.0\n      end_epoch: 5.0\n"
        "      update_frequency: 0.5\n"
    )
    recipe, notes = recipe_from_sparseml(path, net(), 4)
    assert recipe == recipe_from_sparseml({"modifiers": [{"GMPruningModifier": GRADUAL}]}, net(), 4)[0]
    assert notes == ["EpochRangeModifier is left out: how long to train is the training loop's"]
    path.write_text("modifiers: [!Run {a: ")
    with pytest.raises(PruningError, match=r"recipe\.yaml: while parsing"):
        recipe_from_sparseml(path, net(), 4)
    path.write_text("modifiers:\n  - !!python/object/apply:os.system ['true']\n")
    with pytest.raises(PruningError, match=r"recipe\.yaml: could not determine a constructor"):
        recipe_from_sparseml(path, net(), 4)
    with pytest.raises(PruningError, match="cannot read the recipe"):
        recipe_from_sparseml(tmp_path / "none.yaml", net(), 4)
