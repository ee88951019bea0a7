"""Scores against plain NumPy loops, and against the loss itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from secateur.prune import PruningError, prune_oneshot, sparsity_of
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
