"""Scopes and schedules against NumPy sorts and the published formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from secateur.prune import Candidate, Constant, Cubic, Global, PruningError, Uniform
from secateur.prune.scopes import keep_best, lowest


def candidates(*sizes: int, seed: int = 0) -> list[Candidate]:
    g = torch.Generator().manual_seed(seed)
    return [
        Candidate(str(i), torch.rand(n, generator=g) * (1 + i / 10), torch.ones(n, dtype=torch.int64))
        for i, n in enumerate(sizes)
    ]


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.33, 0.5, 0.9, 0.99])
def test_uniform_against_numpy(sparsity: float) -> None:
    layers = candidates(100, 37, 8, 1)
    for layer, keep in zip(layers, Uniform().select(layers, sparsity), strict=True):
        n = layer.scores.numel()
        gone = min(int(np.floor(round(sparsity * n, 9) + 0.5)), n - 1)
        want = np.ones(n, dtype=bool)
        want[np.argsort(layer.scores.numpy(), kind="stable")[:gone]] = False
        np.testing.assert_array_equal(keep.numpy(), want)


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.8])
def test_global_is_one_threshold(sparsity: float) -> None:
    layers = candidates(200, 100, 50)
    kept = torch.cat(Global(normalise=False).select(layers, sparsity)).numpy()
    scores = torch.cat([layer.scores for layer in layers]).numpy()
    want = np.ones(350, dtype=bool)
    want[np.argsort(scores, kind="stable")[: round(sparsity * 350)]] = False
    np.testing.assert_array_equal(kept, want)


def test_global_empties_no_layer() -> None:
    layers = [Candidate("weak", torch.full((50,), 1e-9), torch.ones(50)), *candidates(100)]
    for density, least in ((0.0, 1), (0.1, 5)):
        weak, other = Global(min_density=density, normalise=False).select(layers, 0.6)
        assert int(weak.sum()) == least
        assert int(weak.sum() + other.sum()) == 60  # the sum is still what was asked for
    everything = Global(normalise=False).select(layers, 0.9999)
    assert [int(keep.sum()) for keep in everything] == [1, 1]


def _shares(scores: list[float], sizes: list[int]) -> list[float]:
    """LAMP by its definition: a square over all squares of the layer that are no smaller."""
    return [
        score**2 / sum(n * s**2 for s, n in zip(scores, sizes, strict=True) if s >= score) for score in scores
    ]


def test_global_compares_shares_of_what_is_left() -> None:
    layers = candidates(200, 100, 50)
    layers = [Candidate(c.name, c.scores, c.sizes + i) for i, c in enumerate(layers)]
    scaled = [Candidate(c.name, c.scores * 10**i, c.sizes) for i, c in enumerate(layers)]
    scores = np.concatenate([_shares(c.scores.tolist(), c.sizes.tolist()) for c in layers])
    sizes = np.concatenate([c.sizes.numpy() for c in layers])
    order = np.argsort(scores, kind="stable")
    want = np.ones(350, dtype=bool)
    want[order[np.cumsum(sizes[order]) - sizes[order] / 2 <= 0.6 * sizes.sum()]] = False
    np.testing.assert_array_equal(torch.cat(Global().select(scaled, 0.6)).numpy(), want)
    # What is pruned already is no part of any share: taken further, as if it were in one step.
    less = Global().select(scaled, 0.3)
    rest = [
        Candidate(c.name, c.scores.masked_fill(~keep, -torch.inf), c.sizes)
        for c, keep in zip(scaled, less, strict=True)
    ]
    np.testing.assert_array_equal(torch.cat(Global().select(rest, 0.6)).numpy(), want)


@pytest.mark.parametrize("sign", [1, -1])
def test_global_compares_channels_and_signed_scores_over_their_layers_mean(sign: int) -> None:
    layers = candidates(200, 100, 50)
    layers = [Candidate(c.name, c.scores - (sign < 0) * 0.5, c.sizes, channels=sign > 0) for c in layers]
    scaled = [Candidate(c.name, c.scores * 10**i, c.sizes, channels=c.channels) for i, c in enumerate(layers)]
    kept = torch.cat(Global().select(scaled, 0.6)).numpy()
    scores = np.concatenate([c.scores.numpy() / np.abs(c.scores.numpy()).mean() for c in layers])
    want = np.ones(350, dtype=bool)
    want[np.argsort(scores, kind="stable")[:210]] = False
    np.testing.assert_array_equal(kept, want)


@pytest.mark.parametrize("n", [1, 2, 17, 100])
@pytest.mark.parametrize("values", [1, 3, 1000])
def test_lowest_is_a_stable_sort(n: int, values: int) -> None:
    scores = torch.randint(values, (n,), generator=torch.Generator().manual_seed(n)).float()
    scores[n // 2 :: 5] = -torch.inf
    scores[n // 3 :: 7] = torch.inf
    for count in range(n + 1):
        want = np.zeros(n, dtype=bool)
        want[np.argsort(scores.numpy(), kind="stable")[:count]] = True
        np.testing.assert_array_equal(lowest(scores, count).numpy(), want)


def test_sizes_count_not_units() -> None:
    sizes = torch.tensor([4, 4, 1, 1])
    keep = keep_best(torch.tensor([1.0, 2.0, 3.0, 4.0]), sizes, 0.4)  # 4 of 10
    assert keep.tolist() == [False, True, True, True]


@pytest.mark.parametrize("n", [2, 7, 64])
def test_ties_fall_to_the_lower_index(n: int) -> None:
    assert keep_best(torch.ones(n), torch.ones(n), 0.5).tolist() == [i >= (n + 1) // 2 for i in range(n)]


def test_cubic_is_the_published_formula() -> None:
    schedule = Cubic(begin=10, end=110, every=25, initial=0.2)
    for step in range(10, 111):
        want = 0.9 + (0.2 - 0.9) * (1 - (step - 10) / 100) ** 3
        assert schedule.sparsity(step, 0.9) == pytest.approx(want, abs=1e-12)
    assert schedule.sparsity(9, 0.9) == 0.0
    assert schedule.sparsity(110, 0.9) == schedule.sparsity(999, 0.9) == 0.9
    assert [t for t in range(200) if schedule.updates(t)] == [10, 35, 60, 85, 110]
    assert [t for t in range(99) if Cubic(0, 10, 4).updates(t)] == [0, 4, 8, 10]  # the end is always met


def test_constant() -> None:
    assert [t for t in range(9) if Constant(at=3).updates(t)] == [3]
    assert (Constant(3).sparsity(2, 0.5), Constant(3).sparsity(3, 0.5), Constant(3).last) == (0.0, 0.5, 3)


@pytest.mark.parametrize(
    "bad", [{"begin": -1, "end": 5}, {"begin": 5, "end": 5}, {"begin": 0, "end": 5, "every": 0}]
)
def test_bad_schedules(bad: dict[str, int]) -> None:
    with pytest.raises(PruningError, match="must be a whole number from"):
        Cubic(**bad)
