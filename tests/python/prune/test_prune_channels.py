"""Channel surgery: what is left computes what the network with those channels cut off computes."""

from __future__ import annotations

import copy
import io
import types
from collections.abc import Callable
from typing import Any

import prune_nets as nets
import pytest
import torch
from torch import Tensor, nn

from secateur.prune import Channel, Pruner, PruningError, Recipe, prune_oneshot
from secateur.prune.channels import find_groups, trace_channels
from secateur.prune.channels.trace import Example


def widths(model: nn.Module) -> dict[str, int]:
    return {
        n: m.weight.shape[0]
        for n, m in model.named_modules()
        if isinstance(getattr(m, "weight", None), Tensor)
    }


def over(kept: Tensor) -> Callable[..., Tensor]:
    """A LayerNorm whose mean and variance are over the features that stay."""

    def hook(norm: nn.LayerNorm, inputs: tuple[Tensor], _: Tensor) -> Tensor:
        x, count = inputs[0], int(kept.sum())
        mean = (x * kept).sum(-1, keepdim=True) / count
        variance = ((x - mean).square() * kept).sum(-1, keepdim=True) / count
        return ((x - mean) / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias) * kept

    return hook


def prune(name: str, **fields: object) -> tuple[nn.Module, nn.Module, Tensor, Pruner]:
    """(masked twin, shrunken model, input, pruner); the twin's masks are applied by hand."""
    model, x = nets.make(name)
    pruner = Pruner(model, Recipe.from_dict({"sparsity": 0.5, "pattern": "channel", **fields}), x)
    masked = copy.deepcopy(model)
    while pruner.steps <= pruner.recipe.schedule.last:
        pruner.step()
    parameters = dict(masked.named_parameters())
    with torch.no_grad():
        for key, mask in pruner.masks.items():
            parameters[key].mul_(mask)
    for key, module in masked.named_modules():
        if isinstance(module, nn.LayerNorm) and f"{key}.weight" in pruner.masks:
            module.register_forward_hook(over(pruner.masks[f"{key}.weight"]))
    return masked, pruner.finalize(), x, pruner


@pytest.mark.parametrize("scope", ["uniform", "global"])
@pytest.mark.parametrize("name", list(nets.NETS))
def test_surgery_computes_what_the_masked_network_computes(name: str, scope: str) -> None:
    masked, shrunk, x, pruner = prune(name, scope=scope)
    with torch.no_grad():
        torch.testing.assert_close(shrunk(x), masked(x), rtol=1e-4, atol=1e-5)
    assert type(shrunk) is type(masked)
    before, after = (sum(p.numel() for p in m.parameters()) for m in (masked, shrunk))
    assert after < before
    left_alone = {"resnet_option_a": 2}  # every other group must be prunable
    assert len(pruner.report().notes) == left_alone.get(name, 0)


@pytest.mark.parametrize("name", ["resnet", "mobilenet", "grouped"])
def test_zeroed_filters_alone_give_the_same(name: str) -> None:
    """The classic statement: filters and batch norms of the lost channels are zero, all consumers are
    untouched. It holds where activations keep zero, or only scale what is zero."""
    model, x = nets.make(name)
    twin = copy.deepcopy(model)
    pruner = Pruner(model, Recipe(sparsity=0.5, pattern="channel"), x)
    pruner.step()
    with torch.no_grad():
        for key, parameter in twin.named_parameters():
            if key in pruner.masks:
                mask = pruner.masks[key]
                rows = mask.reshape(mask.shape[0], -1).any(dim=1)  # a filter is gone when all of it is
                parameter[~rows] = 0
        torch.testing.assert_close(pruner.finalize()(x), twin(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet_option_a", "mobilenet", "grouped", "lenet"])
def test_the_result_is_a_plain_module(name: str) -> None:
    _, shrunk, x, _ = prune(name)
    with torch.no_grad():
        want = shrunk(x)
        torch.testing.assert_close(copy.deepcopy(shrunk)(x), want)
        buffer = io.BytesIO()
        torch.save(shrunk, buffer)
        buffer.seek(0)
        torch.testing.assert_close(torch.load(buffer, weights_only=False)(x), want)
        torch.testing.assert_close(torch.export.export(shrunk, (x,), strict=False).module()(x), want)
    for module in shrunk.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        if isinstance(module, (nn.Conv1d, nn.Conv2d)):
            assert module.weight.shape[:2] == (module.out_channels, module.in_channels // module.groups)
        elif isinstance(module, nn.Linear):
            assert module.weight.shape == (module.out_features, module.in_features)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            assert module.running_mean is not None
            assert module.running_mean.shape == module.weight.shape == (module.num_features,)
    assert all(p._backward_hooks is None or not p._backward_hooks for p in shrunk.parameters())
    shrunk.train()
    shrunk(x).sum().backward()  # trains on


def test_groups_of_a_residual_stage() -> None:
    model, x = nets.make("resnet")
    groups = {g.name: g for g in find_groups(trace_channels(model, Example.of(x)))}
    assert set(groups["stem.0"].producers) == {"stem.0", "blocks.0.b.0"}
    inner = groups["blocks.0.a.0"]
    assert [(side.module, side.kind) for side in inner.sides] == [
        ("blocks.0.a.0", "out"), ("blocks.0.a.1", "vector"), ("blocks.0.b.0", "in"),
    ]  # fmt: skip
    assert groups["fc"].reason == "network output"
    assert set(groups["blocks.1.b.0"].producers) == {"blocks.1.b.0", "blocks.1.project.0", "blocks.2.b.0"}


def test_option_a_couples_just_the_channels_it_joins() -> None:
    _, shrunk, _, pruner = prune("resnet_option_a", scope="uniform")
    sizes = widths(shrunk)
    assert sizes["stem.0"] == 8  # half of 16
    assert sizes["blocks.1.b.0"] == 24  # its 16 padded channels stay, the 16 from the stem are halved
    assert sizes["blocks.3.b.0"] == 40
    assert any("channel padding of fixed width" in note for note in pruner.report().notes)


def test_counts_are_rounded_where_layers_are_wide() -> None:
    _, shrunk, _, _ = prune("resnet", scope="uniform", sparsity=0.3)
    assert widths(shrunk)["blocks.0.a.0"] == 12  # 16 * 0.7 = 11.2, in steps of an eighth: of 2
    assert widths(shrunk)["blocks.2.a.0"] == 24  # 32 * 0.7 = 22.4, in steps of 4
    _, shrunk, _, _ = prune("resnet", scope="uniform", sparsity=0.3, pattern=Channel(round_to=1))
    assert widths(shrunk)["blocks.2.a.0"] == 22
    _, shrunk, _, _ = prune("dense", scope="uniform", sparsity=0.5)
    assert widths(shrunk)["convs.0"] == 6


def test_the_weakest_channels_go() -> None:
    """Against a plain computation: mean |w| of each filter, lowest eight of sixteen."""
    model, x = nets.make("fire")
    norms = model.stem.weight.detach().abs().mean(dim=(1, 2, 3))
    kept = torch.sort(norms.argsort(descending=True)[:8]).values
    want = model.stem.weight.detach()[kept].clone()
    prune_oneshot(model, 0.5, pattern=Channel(sides="producers"), scope="uniform", example_inputs=x)
    assert torch.equal(model.stem.weight, want)


def test_grouped_convolutions_keep_as_many_in_every_group() -> None:
    _, shrunk, _, _ = prune("grouped", scope="uniform")
    assert (shrunk.b[0].groups, shrunk.b[0].in_channels, shrunk.b[0].out_channels) == (4, 16, 24)
    assert shrunk.twice.groups == shrunk.twice.in_channels == shrunk.c[0].out_channels == 12
    assert shrunk.twice.out_channels == 2 * shrunk.twice.groups
    assert shrunk.act.num_parameters == 24


def test_a_fixed_view_is_found_by_trial() -> None:
    torch.manual_seed(0)
    model, x = nets.LeNet(fixed=True).eval(), torch.randn(1, 3, 18, 18)
    pruner = Pruner(model, Recipe(sparsity=0.5, pattern="channel"), x)
    pruner.step()
    pruner.finalize()
    assert widths(model)["b"] == 32
    assert model.a.out_channels < 16 or model.fc1.out_features < 24
    assert any("b are left alone: its forward holds a fixed width" in note for note in pruner.report().notes)


class Counted(nn.Module):
    """Divides by its own width, which no trace can tell from a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 16, 1), nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return self.c(torch.relu(self.b(x / x.shape[1])))


def test_a_width_that_counts_is_found_when_the_pruner_is_made() -> None:
    torch.manual_seed(0)
    model, x = Counted().eval(), torch.randn(1, 3, 4, 4)
    pruner = Pruner(model, Recipe(sparsity=0.5, pattern="channel"), x)
    assert any("of a are left alone: its forward tells channels apart" in n for n in pruner.report().notes)
    pruner.step()
    pruner.finalize()
    assert widths(model) == {"a": 16, "b": 8, "c": 3}


def test_features_under_layer_norms_go_and_training_sees_it() -> None:
    _, shrunk, _, _ = prune("encoder")
    assert shrunk.norm.normalized_shape == (16,)
    assert shrunk.embed.out_features == shrunk.down.out_features == shrunk.head.in_features == 16
    model, x = nets.make("encoder")
    pruner = Pruner(model, Recipe(sparsity=0.5, pattern="channel"), x)
    pruner.step()
    with torch.no_grad():  # before the surgery, with masks alone
        torch.testing.assert_close(model(x), shrunk(x), rtol=1e-4, atol=1e-5)
    pruner.finalize()
    assert not model.norm._forward_hooks


@pytest.mark.parametrize("name", ["vit", "text"])
def test_heads_go_whole(name: str) -> None:
    """Queries, keys, values and the columns of the projection of one head, chosen by their rows."""
    model, x = nets.make(name)
    attention = model.blocks[0].attn
    layers = [attention.qkv] if attention.packed else [attention.q, attention.k, attention.v]
    rows = torch.stack([part.weight.detach().abs().mean(1) for part in layers]).reshape(-1, 4, 8)
    weak = rows.mean((0, 2)) if attention.packed else (rows / rows.mean((1, 2), keepdim=True)).mean((0, 2))
    kept = sorted(weak.argsort()[2:].tolist())
    want = attention.proj.weight.detach()[:, [8 * h + i for h in kept for i in range(8)]].clone()
    skip = ["*proj", "*down", "patch" if name == "vit" else "head"]
    prune_oneshot(model, 0.5, pattern=Channel(sides="producers"), example_inputs=x, skip=skip)
    assert (attention.num_heads, attention.head_dim, attention.attn_dim) == (2, 8, 16)
    assert [part.out_features for part in layers] == ([48] if attention.packed else [16] * 3)
    torch.testing.assert_close(attention.proj.weight, want)
    before = sum(p.numel() for p in nets.make(name)[0].parameters())
    model, x = nets.make(name)
    prune_oneshot(model, 0.6, pattern="channel", example_inputs=x)
    after = sum(p.numel() for p in model.parameters())
    assert 0.13 < after / before < 0.3  # of 40% of the inputs by 40% of the outputs, 16%; and the ends
    assert model.blocks[0].gamma.shape == (12,)
    model(x).sum().backward()


def test_packed_attention_loses_the_same_of_every_head() -> None:
    model, x = nets.make("packed")
    report = prune_oneshot(model, 0.5, pattern=Channel(round_to=1), example_inputs=x)
    for layer in model.body.layers:
        attention = layer.self_attn
        assert (attention.embed_dim, attention.head_dim, attention.num_heads) == (16, 8, 2)
        assert (attention.in_proj_weight.shape, attention.in_proj_bias.shape) == ((48, 16), (48,))
        assert attention.out_proj.weight.shape == (16, 16)
        assert (layer.linear1.out_features, layer.norm1.normalized_shape) == (24, (16,))
    assert {row.sparsity for row in report.layers if "in_proj" in row.name} == {0.5}
    model.train()(x).sum().backward()


def test_transposed_convolutions_have_their_rows_second() -> None:
    model, x = nets.make("unet")
    up, read = model.up.weight.detach(), model.c.weight.detach()[:, 16:]
    rows, cols = up.abs().mean((0, 2, 3)), read.abs().mean((0, 2, 3))
    kept = (rows / rows.mean() + cols / cols.mean()).argsort()[8:].sort().values
    prune_oneshot(model, 0.5, pattern="channel", example_inputs=x, skip=["a.0", "b"])
    assert torch.equal(model.up.weight, up[:, kept])
    assert (model.up.in_channels, model.up.out_channels, model.c.in_channels) == (32, 8, 24)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_units_of_a_state_go_in_all_layers_and_directions(name: str) -> None:
    model, x = nets.make(name)
    report = prune_oneshot(model, 0.5, pattern=Channel(round_to=1), example_inputs=x)
    assert (model.rnn.input_size, model.rnn.hidden_size) == (8, 12)
    assert {row.sparsity for row in report.layers if row.name.startswith("rnn")} == {0.5}
    ways = 2 if model.rnn.bidirectional else 1
    assert model.fc.in_features == 12 * ways
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[name]
    for key, parameter in model.rnn.named_parameters():
        assert parameter.shape[0] == gates * 12
        if "weight" in key:
            inputs = 8 if key.startswith("weight_ih_l0") else 12 * (ways if "ih" in key else 1)
            assert parameter.shape[1] == inputs
    model(x)[0].sum().backward()


class Cut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 16, 1), nn.Conv2d(8, 16, 1)
        self.c = nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.a(x).chunk(2, dim=1)
        return self.c(self.b(left * right))


def test_channels_cut_at_fixed_places_are_left_alone() -> None:
    torch.manual_seed(0)
    model, x = Cut().eval(), torch.randn(1, 3, 4, 4)
    pruner = Pruner(model, Recipe(sparsity=0.5, pattern="channel"), x)
    pruner.step()
    pruner.finalize()
    assert (model.a.out_channels, model.b.out_channels) == (16, 8)


def test_skip_and_overrides_reach_groups() -> None:
    _, shrunk, _, pruner = prune(
        "resnet", scope="uniform", skip=["blocks.0.b.0"], overrides={"blocks.2.a.0": {"sparsity": 0.75}}
    )
    sizes = widths(shrunk)
    assert sizes["stem.0"] == 16  # its group has a skipped layer
    assert sizes["blocks.2.a.0"] == 8
    assert any("'blocks.0.b.0' is skipped" in note for note in pruner.report().notes)


def test_element_and_channel_patterns_side_by_side() -> None:
    model, x = nets.make("lenet")
    recipe = Recipe(
        sparsity=0.5, pattern="channel", overrides={"fc2": {"pattern": "element", "sparsity": 0.75}}
    )
    pruner = Pruner(model, recipe, x)
    pruner.step()
    masked = copy.deepcopy(model)
    shrunk = pruner.finalize()
    with torch.no_grad():
        torch.testing.assert_close(shrunk(x), masked(x), rtol=1e-4, atol=1e-6)
    assert shrunk.fc2.in_features == 12  # half of 24
    rows = {row.name: row for row in pruner.report().layers}
    assert rows["fc2"].pattern == "element"
    assert rows["fc1"].shape == (12, 9 * shrunk.b.out_channels)


def test_training_with_a_schedule_then_surgery() -> None:
    model, x = nets.make("mobilenet")
    model.train()
    schedule = {"name": "cubic", "begin": 1, "end": 5, "every": 2}
    pruner = Pruner(model, Recipe(sparsity=0.5, pattern="channel", schedule=schedule), x)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
        pruner.step()
    want = copy.deepcopy(model).eval()(x)
    torch.testing.assert_close(pruner.finalize().eval()(x), want, rtol=1e-4, atol=1e-5)
    assert model.stem[0].out_channels == 8


def test_errors_say_what_to_do() -> None:
    model, _ = nets.make("lenet")
    with pytest.raises(PruningError, match="give example_inputs"):
        Pruner(model, Recipe(sparsity=0.5, pattern="channel"))
    with pytest.raises(PruningError, match=r"torch\.export, which failed"):
        Pruner(model, Recipe(sparsity=0.5, pattern="channel"), torch.randn(1, 7, 18, 18))
    with pytest.raises(PruningError, match="no channel of Linear can be removed"):
        Pruner(nn.Linear(4, 4), Recipe(sparsity=0.5, pattern="channel"), torch.randn(1, 4))


class Split(nn.Module):
    """One layer added to two side by side: its channels fall into two groups."""

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.left, self.right = nn.Conv2d(3, 32, 1), nn.Conv2d(3, 16, 1), nn.Conv2d(3, 16, 1)
        self.last = nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.whole(x) + torch.cat([self.left(x), self.right(x)], 1)))


def test_groups_of_one_layer_have_names_of_their_own() -> None:
    torch.manual_seed(0)
    model, x = Split().eval(), torch.randn(1, 3, 4, 4)
    pruner = Pruner(model, Recipe(sparsity=0.5, pattern="channel", scope="uniform"), x)
    pruner.step()
    assert list(pruner.state_dict()["keep"]) == ["whole", "whole#2"]
    other = Pruner(copy.deepcopy(model), pruner.recipe, x)
    other.load_state_dict(pruner.state_dict())
    pruner.finalize()
    other.finalize()
    assert widths(model) == {"whole": 16, "left": 8, "right": 8, "last": 4}
    assert torch.equal(model(x), other.model(x))


def test_half_precision() -> None:
    model, x = nets.make("mobilenet")
    model, x = model.to(torch.bfloat16), x.to(torch.bfloat16)
    prune_oneshot(model, 0.5, pattern="channel", example_inputs=x)
    assert model(x).dtype == torch.bfloat16


def test_steps_too_small_for_rounding_are_said() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 4, 1))
    x = torch.randn(1, 3, 6, 6)
    report = prune_oneshot(model, 0.05, pattern="channel", example_inputs=x)
    assert model[0].out_channels == 64
    assert any("64 channels of 0 stay, though 3 were to go" in note for note in report.notes)
    for _ in range(6):
        report = prune_oneshot(model, 0.05, pattern=Channel(round_to=1), example_inputs=x)
    assert model[0].out_channels == 47  # 64 less a twentieth, six times, each to the nearest
    assert not report.notes


@pytest.mark.parametrize("units", [12, 16, 24, 32, 64, 100])
def test_rounding_moves_no_layer_by_more_than_a_sixteenth(units: int) -> None:
    model = nn.Sequential(nn.Conv2d(3, units, 1), nn.Conv2d(units, 4, 1))
    for sparsity in (0.1, 0.28, 0.5, 0.9):
        twin = copy.deepcopy(model)
        prune_oneshot(twin, sparsity, pattern="channel", example_inputs=torch.randn(1, 3, 2, 2))
        want = units - int(sparsity * units + 0.5)
        step = max(d for d in (1, 2, 4, 8) if d <= max(1, units / 8))
        assert abs(twin[0].out_channels - want) <= max(units / 16, step - 1)
        assert twin[0].out_channels % step == 0 or units % step


class Keeps(nn.Module):
    """Keeps features of its last forward on itself: alone, in a list, in a dictionary, in an object."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 4, 3)
        self.where, self.box = where, types.SimpleNamespace()

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        kept: Any = {"alone": x, "list": [x, 1], "table": {"x": (x,)}, "object": 1}[self.where]
        self.box.feature = x if self.where == "object" else None
        self.feature = kept
        return self.b(torch.relu(x))


@pytest.mark.parametrize("where", ["alone", "list", "table", "object"])
def test_a_feature_kept_on_the_network_does_not_stop_the_surgery(where: str) -> None:
    model, x = Keeps(where), torch.randn(2, 3, 8, 8)
    pruner = Pruner(model, {"sparsity": 0.5, "pattern": "channel"}, example_inputs=x)
    model(x).sum().backward()
    pruner.step()
    masked = model.b(torch.relu(model.a(x))).detach()
    pruner.finalize()
    assert model.a.out_channels == 8
    torch.testing.assert_close(model(x), masked, rtol=1e-4, atol=1e-5)
