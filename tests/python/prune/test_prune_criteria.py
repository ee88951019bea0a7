"""Scores against plain NumPy loops, and against the loss itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from secateur.prune import (
    Channel,
    PruningError,
    grasp,
    hessian_diagonal,
    movement,
    prune_oneshot,
    sparsity_of,
)
from secateur.prune.scores import element_scores, parse_score


def weight() -> nn.Parameter:
    return nn.Parameter(torch.randn(6, 5, generator=torch.Generator().manual_seed(0)))


def test_gradient_scores_are_the_loss_to_first_order() -> None:
    """(w g)^2 and |w g| against finite differences of the loss along each weight."""
    torch.manual_seed(0)
    layer, x = nn.Linear(5, 6).double(), torch.randn(7, 5, dtype=torch.float64)

    def loss() -> torch.Tensor:
        return layer(x).tanh().square().sum()

    loss().backward()
    step, base, change = 1e-6, float(loss().detach()), np.zeros((6, 5))
    for i in range(6):
        for j in range(5):
            old = float(layer.weight.detach()[i, j])
            layer.weight.data[i, j] = old * (1 - step)
            change[i, j] = (float(loss().detach()) - base) / step
            layer.weight.data[i, j] = old
    taylor = element_scores(parse_score("taylor"), "fc", layer.weight).numpy()
    snip = element_scores(parse_score("snip"), "fc", layer.weight).numpy()
    np.testing.assert_allclose(taylor, change**2, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(snip, np.abs(change), rtol=1e-3, atol=1e-5)


def test_gradient_scores_without_a_gradient() -> None:
    for name in ("taylor", "snip"):
        with pytest.raises(PruningError, match=f"layer '': the score '{name}' reads gradients and there are"):
            prune_oneshot(nn.Linear(4, 4), 0.5, score=name)


def test_gradients_of_transposed_convolutions_follow_their_rows() -> None:
    torch.manual_seed(0)
    conv = nn.ConvTranspose2d(4, 6, 2)
    conv(torch.randn(2, 4, 3, 3)).square().sum().backward()
    assert conv.weight.grad is not None
    scores = (conv.weight * conv.weight.grad).detach().abs().numpy()
    prune_oneshot(conv, 0.5, score="snip")
    gone = conv.weight.detach().numpy() == 0
    assert scores[gone].max() <= scores[~gone].min()


def test_lamp_against_its_definition() -> None:
    p = weight()
    values = p.detach().numpy().astype(np.float64).ravel() ** 2
    want = [v / values[values >= v].sum() for v in values]
    got = element_scores(parse_score("lamp"), "x", p).numpy().ravel()
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_lamp_gives_layers_of_another_scale_the_same() -> None:
    """Its scores do not change when a layer is scaled, so that neither do the sparsities."""
    found = []
    for scale in (1.0, 1e-3):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16))
        model[1].weight.data *= scale
        prune_oneshot(model, 0.7, score="lamp", scope={"name": "global", "normalise": False})
        found.append(sparsity_of(model))
    assert found[0] == found[1]


def test_geometric_median_against_loops() -> None:
    p = weight()
    rows = p.detach().numpy()
    want = [sum(np.linalg.norm(a - b) for b in rows) for a in rows]
    got = element_scores(parse_score("geometric_median"), "x", p).mean(1).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-4)


def test_random_is_the_same_for_the_same_seed_and_layer() -> None:
    p = weight()
    score = {"name": "random", "seed": 3}
    first = element_scores(parse_score(score), "a", p)
    assert torch.equal(first, element_scores(parse_score(score), "a", p))
    assert not torch.equal(first, element_scores(parse_score(score), "b", p))
    assert not torch.equal(first, element_scores(parse_score("random"), "a", p))
    assert parse_score(parse_score(score).to_dict()) == parse_score(score)


def full_hessian(
    layers: list[nn.Parameter], loss: Callable[[], torch.Tensor]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(weights, gradient, Hessian) by central differences of the gradient, one weight after another."""
    flat = torch.nn.utils.parameters_to_vector(layers).detach().clone()

    def gradient(at: torch.Tensor) -> np.ndarray:
        torch.nn.utils.vector_to_parameters(at, layers)
        found = torch.autograd.grad(loss(), layers)
        return torch.cat([g.flatten() for g in found]).numpy()

    step, rows = 1e-5, []
    for i in range(len(flat)):
        ahead, behind = flat.clone(), flat.clone()
        ahead[i] += step
        behind[i] -= step
        rows.append((gradient(ahead) - gradient(behind)) / (2 * step))
    torch.nn.utils.vector_to_parameters(flat, layers)
    return flat.numpy().copy(), gradient(flat), np.stack(rows)


def curved() -> tuple[nn.Module, list[torch.Tensor], Callable[[torch.Tensor], torch.Tensor]]:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 2, bias=False)).double()
    return model, [torch.randn(5, 3).double() for _ in range(2)], lambda x: model(x).square().mean()


def test_grasp_against_finite_differences() -> None:
    model, data, loss = curved()
    score = grasp(model, loss, data)
    layers = list(model.parameters())
    w, g, h = full_hessian(layers, lambda: sum(loss(x) for x in data))
    got = np.concatenate([score.values[name].numpy().ravel() for name in ("0", "2")])
    np.testing.assert_allclose(got, w * (h @ g), rtol=1e-5, atol=1e-9)
    prune_oneshot(model, 0.5, score=score, scope={"name": "global", "normalise": False})
    zero = np.concatenate([p.detach().numpy().ravel() == 0 for p in layers])
    np.testing.assert_array_equal(zero, np.argsort(np.argsort(w * (h @ g))) < 10)


def test_the_hessian_s_diagonal_against_finite_differences() -> None:
    model, data, loss = curved()
    w, _, h = full_hessian(list(model.parameters()), lambda: sum(loss(x) for x in data))
    score = hessian_diagonal(model, loss, data, probes=4000)
    got = np.concatenate([score.values[name].numpy().ravel() for name in ("0", "2")])
    spread = np.sqrt(((h - np.diag(np.diag(h))) ** 2).sum(1) / 4000) * w**2 / 2
    assert np.all(np.abs(got - np.diag(h) * w**2 / 2) < 5 * spread + 1e-9)


def test_movement_against_plain_sums() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    want = np.zeros((6, 5))
    with movement(model) as score:
        for step in range(4):
            model(torch.randn(7, 5)).square().sum().backward()
            if step % 2:  # gradients of two passes are gathered
                want -= (model[0].weight * model[0].weight.grad).detach().numpy()
                optimizer.step()
                optimizer.zero_grad()
    np.testing.assert_allclose(score.values["0"].numpy(), want, rtol=1e-4, atol=1e-5)
    assert not model[0].weight._backward_hooks
    with pytest.raises(PruningError, match="layer 'a': the score 'movement' has no values of it; measure it"):
        prune_oneshot(nn.ModuleDict({"a": nn.Linear(5, 6)}), 0.5, score=score)


def test_measured_scores_say_what_they_lack() -> None:
    model, data, loss = curved()
    with pytest.raises(PruningError, match="there was no batch"):
        grasp(model, loss, [])
    with pytest.raises(PruningError, match="layer '0': grasp is not finite there"):
        grasp(model, loss, [data[0] * float("nan")])
    with pytest.raises(PruningError, match="has no weight that a loss could move"):
        hessian_diagonal(nn.Sequential(nn.ReLU()), loss, data)


@pytest.mark.parametrize("sides", ["both", "producers"])
def test_channels_are_scored_by_rows_and_columns(sides: str) -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    a, b = (model[i].weight.detach().numpy() for i in (0, 2))
    made, read = np.abs(a).mean((1, 2, 3)), np.abs(b).mean((0, 2, 3))
    want = made / made.mean() + (read / read.mean() if sides == "both" else 0)
    kept = np.sort(np.argsort(want)[8:])
    x = torch.randn(1, 3, 8, 8)
    prune_oneshot(model, 0.5, pattern=Channel(sides=sides), example_inputs=x, skip=["2"])
    np.testing.assert_array_equal(model[0].weight.detach().numpy(), a[kept])


def test_the_scales_of_batch_norms_choose_channels() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 4, 1)).eval()
    nn.init.normal_(model[1].weight)
    weight = model[0].weight.detach().clone()
    kept = model[1].weight.detach().abs().argsort()[8:].sort().values
    x = torch.randn(1, 3, 8, 8)
    prune_oneshot(model, 0.5, pattern="channel", score="bn_scale", example_inputs=x)
    assert torch.equal(model[0].weight, weight[kept])
    plain = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 1))
    with pytest.raises(PruningError, match="channels of 0: the score 'bn_scale' looks at batch norms"):
        prune_oneshot(plain, 0.5, pattern="channel", score="bn_scale", example_inputs=x)
    with pytest.raises(PruningError, match="layer '0': the score 'bn_scale' is for the pattern 'channel'"):
        prune_oneshot(model, 0.5, score="bn_scale")
