"""Patterns and scores against plain NumPy loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from secateur.prune import (
    L1,
    L2,
    NM,
    Block,
    Channel,
    Element,
    PruningError,
    prune_oneshot,
    register_score,
)
from secateur.prune.patterns import parse_pattern
from secateur.prune.scores import element_scores, parse_score

SHAPES = [(1, 1), (4, 4), (5, 7), (3, 16), (13, 9), (8, 27)]


def matrix(rows: int, cols: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(rows, cols, generator=torch.Generator().manual_seed(rows * 31 + cols)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("block", [(1, 1), (4, 1), (1, 4), (2, 3), (16, 1)])
@pytest.mark.parametrize("score", [L1(), L2()])
def test_block_scores_are_norms_over_size(
    shape: tuple[int, int], block: tuple[int, int], score: L1 | L2
) -> None:
    weight = matrix(*shape)
    pattern = Block(*block)
    got = pattern.unit_scores(element_scores(score, "x", weight), score).numpy()
    values = weight.detach().numpy().astype(np.float64)
    want, sizes = [], []
    for top in range(0, shape[0], block[0]):
        for left in range(0, shape[1], block[1]):
            part = values[top : top + block[0], left : left + block[1]]
            want.append(np.abs(part).mean() if isinstance(score, L1) else math.sqrt((part**2).mean()))
            sizes.append(part.size)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    assert pattern.unit_sizes(*shape).tolist() == sizes


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("block", [(4, 1), (1, 4), (2, 3)])
def test_block_masks_cover_their_block(shape: tuple[int, int], block: tuple[int, int]) -> None:
    pattern = Block(*block)
    units = pattern.unit_sizes(*shape).numel()
    keep = torch.arange(units) % 3 != 0
    mask = pattern.expand(keep, *shape)
    across = math.ceil(shape[1] / block[1])
    for row in range(shape[0]):
        for col in range(shape[1]):
            assert mask[row, col] == keep[(row // block[0]) * across + col // block[1]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pattern", [NM(2, 4), NM(1, 4), NM(1, 2), NM(4, 8)])
def test_nm_keeps_the_best_of_every_group(shape: tuple[int, int], pattern: NM) -> None:
    weight = matrix(*shape)
    scores = pattern.unit_scores(element_scores(L1(), "x", weight), L1())
    mask = pattern.expand(pattern.select(scores, *shape, 1 - pattern.n / pattern.m), *shape).numpy()
    values = np.abs(weight.detach().numpy())
    for row in range(shape[0]):
        for left in range(0, shape[1], pattern.m):
            group = values[row, left : left + pattern.m]
            best = set(np.argsort(-group, kind="stable")[: pattern.n].tolist())
            assert set(np.flatnonzero(mask[row, left : left + pattern.m]).tolist()) == best


def test_nm_passes_through_the_ratios_between() -> None:
    pattern, scores = NM(2, 4), torch.rand(8)
    kept = [int(pattern.select(scores, 1, 8, s).sum()) for s in (0.0, 0.2, 0.25, 0.3, 0.5)]
    assert kept == [8, 8, 6, 6, 4]


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_blocks_by_tap_are_of_channels_at_one_kernel_position(rows: int) -> None:
    torch.manual_seed(rows)
    conv = nn.Conv2d(16, 12, 3)
    dense = conv.weight.detach().numpy().copy()
    prune_oneshot(conv, pattern=f"{rows}x4 by tap", sparsity=0.75)
    # [12 / rows][rows][16 / 4][4][3][3]: a block's norm, and whether it is there
    blocks = dense.reshape(12 // rows, rows, 4, 4, 3, 3)
    norms = np.abs(blocks).sum(axis=(1, 3))
    kept = norms >= np.sort(norms, axis=None)[-norms.size // 4]
    want = blocks * kept[:, None, :, None]
    np.testing.assert_array_equal(conv.weight.detach().numpy(), want.reshape(dense.shape))


def test_channel_scores_are_filter_norms() -> None:
    weight = matrix(6, 10)
    got = Channel().unit_scores(element_scores(L2(), "x", weight), L2())
    torch.testing.assert_close(got, weight.detach().norm(dim=1) / math.sqrt(10))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("element", Element()),
        ("4x1", Block(4, 1)),
        ("1x4", Block(1, 4)),
        ("2x4 by tap", Block(2, 4, by_tap=True)),
        ("2:4", NM(2, 4)),
        ("channel", Channel()),
        ({"name": "block", "rows": 8, "cols": 2}, Block(8, 2)),
        ({"name": "nm", "n": 1, "m": 4}, NM(1, 4)),
    ],
)
def test_short_forms(text: object, pattern: object) -> None:
    assert parse_pattern(text) == pattern
    assert parse_pattern(pattern.to_dict()) == pattern  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "bad", ["4x", "0x4", "4:2", "2:2", "banana", 4, {"rows": 4}, {"name": "block", "row": 4}]
)
def test_bad_patterns_name_the_field(bad: object) -> None:
    with pytest.raises(PruningError, match=r"^pattern: "):
        parse_pattern(bad)


def test_scores_of_ones_own() -> None:
    weight = matrix(3, 4)
    score = parse_score(lambda w, layer: w + len(layer))
    torch.testing.assert_close(element_scores(score, "ab", weight), weight.detach() + 2)
    register_score("last_first", lambda w, layer: torch.arange(w.numel()).reshape(w.shape).float())
    assert element_scores(parse_score("last_first"), "x", weight)[0, 3] == 3
    with pytest.raises(PruningError, match="layer 'fc': the score 'custom' returned shape"):
        element_scores(parse_score(lambda w, layer: w[:1]), "fc", weight)
    with pytest.raises(PruningError, match="layer 'fc': the score 'custom' gave NaN"):
        element_scores(parse_score(lambda w, layer: w / 0 * 0), "fc", weight)


def test_a_gradient_score_sees_the_parameter() -> None:
    class Taylor(L1):
        name = "taylor"

        def elements(self, matrix: torch.Tensor, layer: str, parameter: nn.Parameter) -> torch.Tensor:
            assert parameter.grad is not None
            return (matrix * parameter.grad).abs()

    weight = matrix(2, 3)
    weight.grad = torch.full((2, 3), 2.0)
    torch.testing.assert_close(element_scores(Taylor(), "x", weight), 2 * weight.detach().abs())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_cannot_be_ranked(bad: float) -> None:
    weight = matrix(2, 3)
    weight.data[1, 1] = bad
    with pytest.raises(PruningError, match="layer 'fc1': its weight holds NaN or infinity"):
        element_scores(L1(), "fc1", weight)
