"""One-shot pruning against exhaustive search, NumPy least squares and plain loops."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import prune_nets as nets
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from secateur.prune import PruningError, Recipe, one_shot, prune_oneshot, sparsity_of
from secateur.prune.example import Example
from secateur.prune.scopes import keep_best
from secateur.prune.solve import admm, allocate, erk, refit, sweep, walk
from secateur.prune.solve.problem import _sampled
from secateur.prune.solve.solvers import error


def problem(rows: int, cols: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Weights and the Gram matrix of strongly correlated inputs, float64."""
    g = torch.Generator().manual_seed(seed)
    mix = torch.randn(cols, cols, generator=g, dtype=torch.float64)
    x = torch.randn(400, cols, generator=g, dtype=torch.float64) @ (mix + 2)
    return torch.randn(rows, cols, generator=g, dtype=torch.float64), x.T @ x / 400 + 0.01 * torch.eye(cols)


def half(scores: Tensor) -> Tensor:
    return keep_best(scores.flatten(), torch.ones(scores.numel()), 0.5).reshape(scores.shape)


def plain_obs(weight: NDArray[np.float64], gram: NDArray[np.float64], gone: list[int]) -> NDArray[np.float64]:
    """Optimal brain surgeon by its formula (Hassibi & Stork, 1993): one weight after another."""
    inverse = np.linalg.inv(gram)
    w = weight.copy()
    for q in gone:
        w -= w[q] / inverse[q, q] * inverse[:, q]
        inverse -= np.outer(inverse[:, q], inverse[q]) / inverse[q, q]
        w[q] = 0
        inverse[q] = inverse[:, q] = 0
        inverse[q, q] = 1
    return w


@pytest.mark.parametrize("cols", [1, 2, 7, 16])
def test_refit_is_optimal_brain_surgeon_and_least_squares(cols: int) -> None:
    weight, gram = problem(5, cols)
    mask = torch.rand(5, cols, generator=torch.Generator().manual_seed(1)) > 0.5
    got = refit(weight, gram, mask).numpy()
    root = np.linalg.cholesky(gram.numpy()).T
    for row in range(5):
        gone = np.flatnonzero(~mask[row].numpy()).tolist()
        np.testing.assert_allclose(got[row], plain_obs(weight[row].numpy(), gram.numpy(), gone), atol=1e-8)
        kept = mask[row].numpy()
        fit = np.linalg.lstsq(root[:, kept], root @ weight[row].numpy(), rcond=None)[0]
        np.testing.assert_allclose(got[row][kept], fit, atol=1e-8)
        assert not got[row][~kept].any()


def test_the_sweep_is_the_published_loop() -> None:
    """Algorithm 1 of SparseGPT, written out with one column a step, in NumPy."""
    weight, gram = problem(6, 10)
    got, mask = sweep(weight, gram, half, width=4)
    inverse = np.linalg.cholesky(np.linalg.inv(gram.numpy())).T  # upper
    w = weight.numpy().copy()
    kept = np.ones(w.shape, dtype=bool)
    for j in range(10):
        if j % 4 == 0:
            end = min(j + 4, 10)
            scores = w[:, j:end] ** 2 / np.diag(inverse)[j:end] ** 2
            lowest = np.argsort(scores.ravel(), kind="stable")[: scores.size // 2]
            flat = np.ones(scores.size, dtype=bool)
            flat[lowest] = False
            kept[:, j:end] = flat.reshape(scores.shape)
        gone = np.where(kept[:, j], 0, w[:, j]) / inverse[j, j]
        w[:, j:] -= np.outer(gone, inverse[j, j:])
    np.testing.assert_array_equal(mask.numpy(), kept)
    np.testing.assert_allclose(got.numpy(), np.where(kept, w, 0), atol=1e-9)


def test_masks_come_near_the_best_there_are() -> None:
    """One row of eight weights, half of them kept: every mask tried."""
    ratios = {"admm": [], "magnitude": []}  # type: dict[str, list[float]]
    for seed in range(12):
        weight, gram = problem(1, 8, seed)

        def cost(kept: Any, weight: Tensor = weight, gram: Tensor = gram) -> float:
            mask = torch.zeros(1, 8, dtype=torch.bool)
            mask[0, list(kept)] = True
            return error(refit(weight, gram, mask), weight, gram)

        best = min(map(cost, itertools.combinations(range(8), 4)))
        ratios["admm"].append(cost(admm(weight, gram, half)[0].nonzero().flatten().tolist()) / best)
        ratios["magnitude"].append(cost(half(weight.square())[0].nonzero().flatten().tolist()) / best)
    assert float(np.median(ratios["admm"])) < 1.3
    assert float(np.mean(ratios["admm"])) < 0.7 * float(np.mean(ratios["magnitude"]))


def test_erk_against_its_formula() -> None:
    shapes = {"a": (64, 3, 3, 3), "b": (64, 64, 3, 3), "c": (128, 64, 1, 1), "d": (10, 128)}
    found = erk(shapes, 0.8)
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    zeros = sum(found[name] * sizes[name] for name in shapes)
    assert zeros == pytest.approx(0.8 * sum(sizes.values()))
    free = [name for name in shapes if found[name] > 0]
    scales = {(1 - found[n]) * sizes[n] / sum(shapes[n]) for n in free}
    assert max(scales) == pytest.approx(min(scales))
    assert all(0 <= value < 1 for value in found.values())


def test_allocation_against_every_choice() -> None:
    """Three layers of one size: dynamic programming finds what trying all sparsities finds."""
    at = [0.0, 0.5, 0.9]
    curves = {"a": (at, [0.0, 0.04, 0.2]), "b": (at, [0.0, 0.3, 0.9]), "c": (at, [0.0, 0.1, 0.4])}
    found = allocate(curves, dict.fromkeys(curves, 1000), 0.5)
    assert sum(found.values()) >= 1.5 - 0.01

    def cost(name: str, sparsity: float) -> float:
        return float(np.interp(sparsity, at, np.sqrt(curves[name][1])) ** 2)

    grid = np.arange(0, 0.9001, 0.02)
    best = min(
        cost("a", a) + cost("b", b) + cost("c", 1.5 - a - b)
        for a in grid
        for b in grid
        if 0 <= 1.5 - a - b <= 0.9
    )
    assert sum(cost(name, s) for name, s in found.items()) <= best * 1.03
    assert found["a"] > found["c"] > found["b"]
    with pytest.raises(PruningError, match=r"more than these layers can give, 0.9"):
        allocate(curves, dict.fromkeys(curves, 1000), 0.95)


@pytest.mark.parametrize("seed", range(6))
def test_allocation_reaches_its_total(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [str(i) for i in range(12)]
    sizes = {name: int(rng.integers(10, 50_000)) for name in names}
    curves = {n: ([0.0, 0.5, 0.95], [0.0, *np.sort(rng.random(2)).tolist()]) for n in names}
    for sparsity in (0.1, 0.5, 0.8):
        found = allocate(curves, sizes, sparsity)
        zeros = sum(found[n] * sizes[n] for n in names) / sum(sizes.values())
        assert sparsity - 1e-3 <= zeros <= sparsity + 0.02


def batches(x: Tensor, count: int = 6) -> list[Tensor]:
    g = torch.Generator().manual_seed(5)
    return [torch.randn((8, *x.shape[1:]), generator=g) for _ in range(count)]


@pytest.mark.parametrize("name", ["resnet", "mobilenet", "dense", "grouped", "sound", "encoder"])
@pytest.mark.parametrize("pattern", ["element", "2:4", "1x4"])
def test_it_prunes_and_stays_nearer_to_the_dense_network(name: str, pattern: str) -> None:
    model, x = nets.make(name)
    data = batches(x)
    fields: dict[str, Any] = {"pattern": pattern, "scope": "uniform"}
    fields |= {} if pattern == "2:4" else {"sparsity": 0.5}
    plain, fitted = copy.deepcopy(model), copy.deepcopy(model)
    reported = prune_oneshot(plain, **fields)
    report = one_shot(fitted, fields, data)
    assert report.sparsity == pytest.approx(reported.sparsity, abs=0.02)
    for row, other in zip(report.layers, reported.layers, strict=True):
        assert row.sparsity == pytest.approx(other.sparsity, abs=0.05)
    test = batches(x, 1)[0]
    with torch.no_grad():
        want, far, near = model(test), plain(test), fitted(test)
    assert float((near - want).square().mean()) < 0.6 * float((far - want).square().mean())
    assert not fitted.training


def test_nothing_pruned_is_the_dense_network() -> None:
    model, x = nets.make("mobilenet")
    twin = copy.deepcopy(model)
    one_shot(twin, {"sparsity": 0.0, "scope": "uniform"}, batches(x))
    with torch.no_grad():
        torch.testing.assert_close(twin(x), model(x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kind", ["pointwise", "strided", "kernel", "conv1d", "linear"])
def test_sampled_rows_are_inputs_with_their_outputs(kind: str, groups: int) -> None:
    """Outputs are the weight times the inputs, row by row, also where places are drawn at random."""
    torch.manual_seed(0)
    layer = {
        "pointwise": nn.Conv2d(4, 6, 1, groups=groups, bias=False),
        "strided": nn.Conv2d(4, 6, 1, stride=2, groups=groups, bias=False),
        "kernel": nn.Conv2d(4, 6, (3, 2), padding=1, groups=groups, bias=False),
        "conv1d": nn.Conv1d(4, 6, 3, groups=groups, bias=False),
        "linear": nn.Linear(8, 8, bias=False),
    }[kind]
    groups = 1 if kind == "linear" else groups
    x = torch.randn({"linear": (3, 9, 8), "conv1d": (3, 4, 9)}.get(kind, (3, 4, 8, 8)))
    nodes = torch.export.export(layer, (x,), strict=False).graph.nodes
    node = next(n for n in nodes if n.op == "call_function")
    y = layer(x).detach()
    weight = layer.weight.detach().reshape(groups, layer.weight.shape[0] // groups, -1)
    for quota, least in ((10**6, 3 * y[0, 0].numel() if kind != "linear" else 27), (15, 15)):
        left, right = _sampled(node, x, y, groups, quota, torch.Generator().manual_seed(0))
        assert left.shape[1] == right.shape[1] == least
        torch.testing.assert_close(left @ weight.transpose(1, 2), right, rtol=1e-4, atol=1e-5)


def test_wanda_against_plain_loops() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 6, bias=False))
    weight, x = model[0].weight.detach().numpy().copy(), torch.randn(40, 12) * torch.arange(1, 13)
    one_shot(
        model,
        {"sparsity": 0.5, "scope": "uniform", "score": "wanda"},
        x.split(10),
        solver="mask",
        target="own",
    )
    scores = np.abs(weight) * np.linalg.norm(x.numpy(), axis=0)
    want = weight.copy().ravel()
    want[np.argsort(scores.ravel(), kind="stable")[:36]] = 0
    np.testing.assert_array_equal(model[0].weight.detach().numpy(), want.reshape(6, 12))
    with pytest.raises(PruningError, match=r"the score 'wanda' needs the layer's inputs; use one_shot"):
        prune_oneshot(nn.Linear(4, 4), 0.5, score="wanda")


def test_a_residual_sum_is_made_good() -> None:
    """The second layer of a residual pair aims at the sum, not at its own outputs."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(16, 16), nn.Linear(16, 16)

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x)
            return x + self.b(torch.relu(x))

    torch.manual_seed(0)
    model, x = Two().eval(), torch.randn(512, 16)
    fields = {"sparsity": 0.5, "scope": "uniform", "overrides": {"b": {"sparsity": 0.0}}}
    twin = copy.deepcopy(model)
    one_shot(twin, fields, x.split(128))
    got = twin.b.weight.detach().double().numpy()
    with torch.no_grad():
        inputs = torch.relu(twin.a(x)).double().numpy()
        outputs = (model(x) - twin.a(x)).double().numpy()
    design = np.c_[inputs, np.ones(512)]
    want = np.linalg.lstsq(design, outputs, rcond=None)[0].T
    np.testing.assert_allclose(got, want[:, :16], atol=0.03)  # but for the damping of a hundredth


@pytest.mark.parametrize("padding", [0, "same"])
def test_a_layer_that_is_not_pruned_is_fitted_to_what_it_gets(padding: int | str) -> None:
    """A depthwise layer behind a pruned one, against least squares by NumPy, tap by tap."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 6, 1), nn.Conv2d(6, 6, 3, padding=padding, groups=6)).eval()
    x = torch.randn(96, 4, 6, 6)
    fields = {"pattern": "2:4"}  # every row keeps something
    twin, left = copy.deepcopy(model), copy.deepcopy(model)
    one_shot(twin, fields, x.split(32))
    one_shot(left, fields, x.split(32), repair=False)
    assert torch.equal(left[1].weight, model[1].weight)
    with torch.no_grad():
        inputs, outputs = twin[0](x).numpy(), model(x).numpy()
    edge = 0 if padding == 0 else 1
    inputs = np.pad(inputs, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    high, wide = outputs.shape[2:]
    for channel in range(6):
        taps = [inputs[:, channel, i : i + high, j : j + wide].ravel() for i in range(3) for j in range(3)]
        design = np.stack([*taps, np.ones_like(taps[0])], 1).astype(np.float64)
        want = np.linalg.lstsq(design, outputs[:, channel].ravel().astype(np.float64), rcond=None)[0]
        got = twin[1].weight[channel].detach().numpy().ravel()
        np.testing.assert_allclose(got, want[:9], atol=0.02)  # but for the damping of a hundredth
    frozen = copy.deepcopy(model)
    frozen[1].weight.requires_grad_(False)
    one_shot(frozen, fields, x.split(32))
    assert torch.equal(frozen[1].weight, model[1].weight)


class Mixing(nn.Module):
    """Its output depends on which inputs come together."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        return self.b(y - y.mean(0, keepdim=True))


@pytest.mark.parametrize(("mixes", "parts"), [(False, 4), (True, 1)])
def test_batches_are_cut_where_inputs_stand_alone(
    mixes: bool, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = Mixing().eval() if mixes else nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1)).eval()
    x = torch.randn(64, 3, 4, 4)
    whole, cut = copy.deepcopy(model), copy.deepcopy(model)
    fields = {"sparsity": 0.5, "scope": "uniform"}
    one_shot(whole, fields, x.split(16))
    monkeypatch.setattr(walk, "LARGEST", 4 * 8 * 16 * 4)  # of 16 inputs a quarter fits
    batches = [Example((part,)) for part in x.split(16)]
    assert len(walk.Walk(model, batches, None).batches) == 4 * parts
    one_shot(cut, fields, x.split(16))
    for a, b in zip(whole.parameters(), cut.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_batch_norms_get_the_dense_moments() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8)).eval()
    x = torch.randn(64, 4, 6, 6)
    want = model(x).detach()
    one_shot(model, {"sparsity": 0.75, "scope": "uniform"}, x.split(16))
    got = model(x).detach()
    torch.testing.assert_close(got.mean((0, 2, 3)), want.mean((0, 2, 3)), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(got.std((0, 2, 3)), want.std((0, 2, 3)), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("solver", ["admm", "sweep", "mask"])
@pytest.mark.parametrize("allocation", ["scope", "erk", "error"])
def test_the_total_is_kept_whatever_the_way(solver: str, allocation: str) -> None:
    model, x = nets.make("resnet")
    report = one_shot(model, Recipe(sparsity=0.6), batches(x), solver=solver, allocation=allocation)
    assert report.sparsity == pytest.approx(0.6, abs=0.02)
    got = {row.name: row.sparsity for row in report.layers}
    assert got == pytest.approx(sparsity_of(model))
    if allocation != "scope":
        assert max(got.values()) - min(got.values()) > 0.1


def test_activations_in_files_give_the_same() -> None:
    model, x = nets.make("mobilenet")
    twin, seen = copy.deepcopy(model), []
    recipe = {"sparsity": 0.5, "scope": "uniform"}
    one_shot(model, recipe, batches(x), progress=lambda done, total, name: seen.append((done, total)))
    one_shot(twin, recipe, batches(x), memory=0)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)
    assert seen == [(i + 1, len(seen)) for i in range(len(seen))]


def test_what_has_no_solver_is_said_and_pruned_by_its_score() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0])

    torch.manual_seed(0)
    model = Net().eval()
    report = one_shot(model, {"sparsity": 0.5, "scope": "uniform"}, [torch.randn(8, 5, 8) for _ in range(4)])
    assert [row.sparsity for row in report.layers] == [0.5, 0.5, 0.5]
    assert sum("is pruned by its score alone" in note for note in report.notes) == 2


def test_bad_input() -> None:
    model, x = nets.make("lenet")
    recipe = Recipe(sparsity=0.5)
    before = copy.deepcopy(model.state_dict())
    for arguments, message in (
        ((recipe, []), "calibration: there is no batch"),
        ((recipe, [torch.randn(2, 7, 9, 9)]), r"torch.export, which failed.*float32\[2, 7, 9, 9\]"),
        ((recipe, [torch.full_like(x, torch.nan)]), "layer 'a': the calibration inputs give NaN"),
        ((Recipe(sparsity=0.5, pattern="channel"), [x]), "one_shot prunes weights, not channels"),
    ):
        with pytest.raises(PruningError, match=message):
            one_shot(model, *arguments)
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    with pytest.raises(PruningError, match="solver: 'obc' is none of admm, sweep, mask"):
        one_shot(model, recipe, [x], solver="obc")
    report = one_shot(model, recipe, [x, x, x[:1]])
    assert any("1 batches of another shape than the first are left out" in note for note in report.notes)


def test_attention_is_solved_and_what_parameters_feed_is_not() -> None:
    class Queries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q = nn.Parameter(torch.randn(4, 8))
            self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            return torch.softmax(self.k(self.q) @ self.v(x).transpose(1, 2), -1) @ x

    torch.manual_seed(0)
    report = one_shot(Queries().eval(), {"sparsity": 0.5, "scope": "uniform"}, [torch.randn(8, 6, 8)])
    assert [row.sparsity for row in report.layers] == [0.0, 0.5, 0.5]
    assert any(note.startswith("k is pruned by its score alone") for note in report.notes)
    model = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval()
    data = [torch.randn(8, 6, 16) for _ in range(4)]
    plain, fitted = copy.deepcopy(model), copy.deepcopy(model)
    prune_oneshot(plain, 0.5, scope="uniform")
    assert not one_shot(fitted, {"sparsity": 0.5, "scope": "uniform"}, data).notes
    with torch.no_grad():
        want, far, near = model(data[0]), plain(data[0]), fitted(data[0])
    assert float((near - want).square().mean()) < 0.6 * float((far - want).square().mean())
