"""Choices by constants, masks and heads of attention, windows and repetitions, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_operators import IMAGE, TOKENS, Fn, check
from torch import nn
from torch.nn import functional as F

LATE = torch.arange(12) > 3

CASES: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "where, a number": (lambda x: torch.where(LATE, x, -0.5), TOKENS),
    "where, a number first": (lambda x: torch.where(LATE, -0.5, x), TOKENS),
    "where, a constant": (lambda x: torch.where(LATE, x, torch.arange(12.0)), TOKENS),
    "where, two tensors": (lambda x: torch.where(LATE, x, x * x), TOKENS),
    "where, by place": (lambda x: torch.where(torch.eye(9, 11) > 0, x, x.exp()), IMAGE),
    "masked_fill": (lambda x: x.masked_fill(LATE, 2.5), TOKENS),
    "repeat channels": (lambda x: x.repeat(1, 3, 1, 1), IMAGE),
    "repeat positions": (lambda x: x.repeat(1, 1, 2, 3), IMAGE),
    "tile": (lambda x: x.tile(2, 1), TOKENS),
    "unfold": (lambda x: F.unfold(x, 3, 1, 1), (2, 4, 9, 11)),
    "unfold of many channels": (lambda x: F.unfold(x, 3, 1, 1), (1, 240, 3, 4)),
    "unfold, uneven": (lambda x: F.unfold(x, (2, 3), (2, 1), (1, 0), (1, 2)), IMAGE),
    "adaptive max": (lambda x: F.adaptive_max_pool2d(x, (4, 5)), (2, 3, 9, 11)),
    "adaptive max 1d": (lambda x: F.adaptive_max_pool1d(x, 4), (2, 3, 11)),
    "sign": (lambda x: torch.sign(x.relu() - (-x).relu()), IMAGE),
    "logit": (lambda x: torch.logit(x.sigmoid()), IMAGE),
    "logit, clamped": (lambda x: torch.logit(x.sigmoid(), 0.3), IMAGE),
    "lerp": (lambda x: torch.lerp(x, x * x, 0.3), IMAGE),
    "cosine": (lambda x: F.cosine_similarity(x, x * x + 1, 1), IMAGE),
    "cosine of tokens": (lambda x: F.cosine_similarity(x, x.roll(1, 1), -1), TOKENS),
    "var_mean": (lambda x: torch.var_mean(x, (2, 3)), IMAGE),
    "std_mean": (lambda x: torch.std_mean(x, 1, keepdim=True), IMAGE),
    "power pooling": (lambda x: F.lp_pool2d(x.abs() + 0.1, 2, 2), IMAGE),
}


@pytest.mark.parametrize("name", CASES)
def test_against_torch(name: str) -> None:
    function, shape = CASES[name]
    check(Fn(function), shape)


class Grouped(nn.Module):
    """Attention with fewer heads of keys than of queries."""

    def __init__(self, heads: int, keys: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.keys, self.causal = heads, keys, causal
        self.q = nn.Linear(12, 4 * heads)
        self.k, self.v = nn.Linear(12, 4 * keys), nn.Linear(12, 4 * keys)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        def split(y: torch.Tensor, heads: int) -> torch.Tensor:
            return y.view(*y.shape[:2], heads, 4).transpose(1, 2)

        q, k, v = split(self.q(x), self.heads), split(self.k(x), self.keys), split(self.v(x), self.keys)
        y = F.scaled_dot_product_attention(q, k, v, mask, is_causal=self.causal, enable_gqa=True)
        return y.transpose(1, 2).flatten(2)


@pytest.mark.parametrize(("heads", "keys"), [(4, 2), (6, 3), (4, 1), (3, 3)])
@pytest.mark.parametrize("causal", [False, True])
def test_grouped_queries(heads: int, keys: int, causal: bool) -> None:
    check(Grouped(heads, keys, causal), (2, 7, 12))


@pytest.mark.parametrize("shape", [(2, 1, 1, 7), (2, 4, 7, 7)])
@pytest.mark.parametrize("keys", [4, 2])
def test_a_mask_is_an_input(shape: tuple[int, ...], keys: int) -> None:
    check(Grouped(4, keys, False), (2, 7, 12), shape)
