"""Every weight of a network is pruned or named, and counts: against plain sums over its parameters."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils import prune as torch_prune

from secateur.prune import Pruner, PruningError, Recipe, prune_oneshot, sparsity_of
from secateur.prune.weights import find_weights


class Own(nn.Module):
    """A matrix used as a function, beside a token and a scale, which are none."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.mix = nn.Parameter(torch.randn(8, 8))
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.scale = nn.Parameter(torch.randn(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) @ self.mix + self.token


MODELS: dict[str, Any] = {
    "conv3d": lambda: nn.Conv3d(3, 8, 3),
    "transposed": lambda: nn.ConvTranspose2d(8, 6, 3, groups=2),
    "transposed1d": lambda: nn.ConvTranspose1d(6, 4, 3),
    "lstm": lambda: nn.LSTM(6, 8, num_layers=2, bidirectional=True, proj_size=4),
    "gru": lambda: nn.GRU(6, 8),
    "cell": lambda: nn.LSTMCell(6, 8),
    "attention": lambda: nn.MultiheadAttention(16, 4),
    "attention_split": lambda: nn.MultiheadAttention(16, 4, kdim=8, vdim=12),
    "transformer": lambda: nn.TransformerEncoderLayer(16, 4, 32),
    "bilinear": lambda: nn.Bilinear(4, 5, 6),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_what_is_reported_is_there(name: str) -> None:
    torch.manual_seed(0)
    model = MODELS[name]()
    report = prune_oneshot(model, 0.75)
    weights = [p for p in model.parameters() if p.dim() > 1]
    zeros = sum(int((p == 0).sum()) for p in weights)
    total = sum(p.numel() for p in weights)
    assert report.sparsity == pytest.approx(zeros / total)
    assert zeros / total == pytest.approx(0.75, abs=0.01)
    assert sum(row.weights_before for row in report.layers) == total


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_rows_of_transposed_convolutions_are_output_channels(groups: int) -> None:
    """Against the convolution itself: zeroing a row silences exactly that output channel."""
    torch.manual_seed(0)
    conv = nn.ConvTranspose2d(8, 12, 3, groups=groups, bias=False)
    weight = next(iter(find_weights(conv).values()))
    matrix = weight.matrix(conv.weight.detach()).clone()
    assert matrix.shape == (12, 8 // groups * 9)
    assert torch.equal(weight.tensor(matrix), conv.weight)
    matrix[5] = 0
    conv.weight.data.copy_(weight.tensor(matrix))
    silent = conv(torch.randn(1, 8, 4, 4)).abs().sum((0, 2, 3)) == 0
    assert silent.nonzero().flatten().tolist() == [5]


def test_patterns_on_a_transposed_convolution() -> None:
    conv = nn.ConvTranspose2d(8, 8, 3)
    prune_oneshot(conv, 0.5, pattern="4x1")
    blocks = (conv.weight.detach().numpy() != 0).transpose(1, 0, 2, 3).reshape(2, 4, -1).sum(1)
    assert set(np.unique(blocks)) == {0, 4}


def test_nm_groups_input_channels_at_one_tap() -> None:
    """Against a loop over taps, as other runtimes define it."""
    torch.manual_seed(0)
    conv = nn.Conv2d(10, 3, (3, 2))
    before = conv.weight.detach().numpy().copy()
    prune_oneshot(conv, pattern="2:4")
    after = conv.weight.detach().numpy()
    for out in range(3):
        for i in range(3):
            for j in range(2):
                for start in range(0, 10, 4):
                    group = np.abs(before[out, start : start + 4, i, j])
                    best = np.sort(np.argsort(-group, kind="stable")[:2])
                    kept = np.flatnonzero(after[out, start : start + 4, i, j])
                    np.testing.assert_array_equal(kept, best)


def test_nm_of_grouped_and_one_dimensional_convolutions() -> None:
    for conv in (nn.Conv1d(16, 8, 5), nn.Conv2d(16, 8, 3, groups=2), nn.Conv3d(4, 4, 2)):
        prune_oneshot(conv, pattern="1:4")
        taps = conv.weight.detach().flatten(2).transpose(1, 2).reshape(-1, 4)
        assert set((taps != 0).sum(1).tolist()) == {1}


def test_embeddings_are_named_and_pruned_when_asked_for() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(50, 8), nn.Linear(8, 4))
    report = prune_oneshot(copy.deepcopy(model), 0.5)
    assert any("0 (400 weights) is left alone: an embedding" in note for note in report.notes)
    assert report.sparsity == pytest.approx(16 / 432)
    for recipe in ({"skip_embedding": False}, {"overrides": {"0": {"sparsity": 0.5}}}):
        twin = copy.deepcopy(model)
        prune_oneshot(twin, 0.5, scope="uniform", **recipe)
        assert sparsity_of(twin) == {"0": 0.5, "1": 0.5}


def test_a_tied_embedding_is_said() -> None:
    model = nn.ModuleDict({"embed": nn.Embedding(20, 8), "head": nn.Linear(8, 20, bias=False)})
    model["head"].weight = model["embed"].weight
    report = prune_oneshot(model, 0.5)
    assert [row.name for row in report.layers] == ["head"]
    assert report.notes == ("head shares its weight with embed: they are pruned together",)
    assert int((model["embed"].weight == 0).sum()) == 80


def test_frozen_layers_are_said() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8).requires_grad_(False))
    assert any("1 is frozen" in note for note in prune_oneshot(model, 0.5).notes)


def test_parameters_of_no_known_layer() -> None:
    torch.manual_seed(0)
    model = Own()
    report = prune_oneshot(copy.deepcopy(model), 0.5)
    assert any("mix (64 weights) is left alone: a parameter of Own" in note for note in report.notes)
    assert report.sparsity == pytest.approx(0.25)
    assert [row.name for row in report.layers] == ["mix", "inner"]  # no token, no scale
    prune_oneshot(model, 0.5, overrides={"mix": {"sparsity": 0.5}})
    assert int((model.mix == 0).sum()) == 32


def test_masks_left_on_are_named_and_count() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8), nn.MultiheadAttention(8, 2))
    torch_prune.l1_unstructured(model[0], "weight", amount=0.25)
    torch_prune.l1_unstructured(model[2], "in_proj_weight", amount=0.25)
    report = prune_oneshot(model, 0.5)
    assert sum("a mask of torch.nn.utils.prune is on it" in note for note in report.notes) == 2
    rows = {row.name: row.sparsity for row in report.layers}
    assert rows["0"] == 0.25
    assert rows["2.in_proj_weight"] == 0.25
    with pytest.raises(PruningError, match=r"overrides\['0'\]: it cannot be pruned: a mask of"):
        Pruner(model, Recipe(sparsity=0.5, overrides={"0": {"sparsity": 0.5}}))
    alone = nn.Sequential(nn.Linear(8, 8))
    torch_prune.l1_unstructured(alone[0], "weight", amount=0.25)
    with pytest.raises(PruningError, match="no prunable layer: '0': a mask of"):
        Pruner(alone, Recipe(sparsity=0.5))


@pytest.mark.parametrize("norm", [parametrizations.weight_norm, nn.utils.weight_norm])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weight_norm_is_pruned_through_its_direction(norm: Any) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(norm(nn.Conv2d(4, 8, 3)), norm(nn.Linear(4, 4)))
    report = prune_oneshot(model, 0.5, scope="uniform")
    assert [(row.name, row.sparsity) for row in report.layers] == [("0", 0.5), ("1", 0.5)]
    model(torch.randn(1, 4, 3, 6))  # the hook of the older form computes the weight
    assert [int((layer.weight == 0).sum()) for layer in model] == [144, 8]


def test_other_parametrisations_are_named() -> None:
    model = nn.Sequential(parametrizations.spectral_norm(nn.Linear(8, 8)), nn.Linear(8, 8))
    report = prune_oneshot(model, 0.5)
    assert any(
        "0 (64 weights) is left alone: computed by a parametrisation (_SpectralNorm)" in n
        for n in report.notes
    )
    assert report.sparsity == pytest.approx(0.25)


def test_lazy_layers_are_named() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 4))
    report = prune_oneshot(model, 0.5)
    assert any("not made yet: run the network once" in note for note in report.notes)


class Heads(nn.Module):
    """Defined last to first, with two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(8, 2), nn.Linear(8, 3)
        self.body, self.stem = nn.Linear(8, 8), nn.Linear(4, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.body(torch.relu(self.stem(x))))
        return self.one(x), self.two(x).softmax(-1)


def test_first_and_last_go_by_execution() -> None:
    recipe = Recipe(sparsity=0.5, skip_first=True, skip_last=True)
    pruner = Pruner(Heads(), recipe, torch.randn(1, 4))
    skipped = {row.name: row.note for row in pruner.report().layers}
    assert skipped == {
        "stem": "skipped: first layer", "body": "",
        "one": "skipped: last layer", "two": "skipped: last layer",
    }  # fmt: skip
    assert not pruner.report().notes
    blind = Pruner(Heads(), recipe).report()
    assert {row.name for row in blind.layers if row.note} == {"one", "stem"}
    assert any("by the order of definition, for lack of example_inputs" in note for note in blind.notes)


def test_last_of_attention_and_recurrent_networks() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.rnn = nn.Linear(8, 2), nn.GRU(8, 8, batch_first=True)
            self.mix = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.rnn(x)[0]
            return self.head(self.mix(x, x, x, need_weights=False)[0])

    recipe = Recipe(sparsity=0.5, skip_first=True, skip_last=True)
    rows = Pruner(Net().eval(), recipe, torch.randn(2, 3, 8)).report().layers
    assert {row.name: row.note for row in rows if row.note} == {
        "head": "skipped: last layer",
        "rnn.weight_ih_l0": "skipped: first layer", "rnn.weight_hh_l0": "skipped: first layer",
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch, where it copies an exported program
def test_an_exported_program_is_pruned_like_its_network() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.ConvTranspose2d(8, 4, 2),
        nn.Flatten(),
        nn.Linear(64, 4),
    ).eval()
    x = torch.randn(1, 3, 7, 7)
    exported = torch.export.export(model, (x,), strict=False)
    for pattern in ("element", "2:4", "4x1"):
        a, b = copy.deepcopy(model), copy.deepcopy(exported).module()
        table: dict[str, Any] = {"pattern": pattern, "scope": "uniform", "skip_last": True}
        table |= {} if pattern == "2:4" else {"sparsity": 0.5}
        reports = [Pruner(net, table, x) for net in (a, b)]
        for pruner in reports:
            pruner.step()
        first, second = (pruner.report() for pruner in reports)
        assert [row.note for row in first.layers] == [row.note for row in second.layers]
        assert [row.name for row in first.layers] == [row.name for row in second.layers]
        for (_, p), (_, q) in zip(a.named_parameters(), b.named_parameters(), strict=True):
            assert torch.equal(p, q)
    with pytest.raises(PruningError, match="channels of an exported program"):
        Pruner(exported.module(), Recipe(sparsity=0.5, pattern="channel"), x)
