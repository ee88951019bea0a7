"""Elements chosen by constants: padding that repeats, flips, rolls, indices; adaptive pools; as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_operators import IMAGE, TOKENS, Fn, check
from torch import nn
from torch.nn import functional as F

CASES: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "reflect": (lambda x: F.pad(x, (3, 2, 1, 4), "reflect"), (2, 3, 6, 7)),
    "replicate": (lambda x: F.pad(x, (3, 0, 1, 9), "replicate"), (2, 3, 6, 7)),
    "circular": (lambda x: F.pad(x, (3, 2, 1, 6), "circular"), (2, 3, 6, 7)),
    "reflect 1d": (lambda x: F.pad(x, (4, 5), "reflect"), (2, 3, 9)),
    "replicate, cut": (lambda x: F.pad(x, (-1, 2, 0, 0), "replicate"), IMAGE),
    "flip": (lambda x: x.flip(-1), IMAGE),
    "flip both": (lambda x: x.flip((2, 3)), IMAGE),
    "flip channels": (lambda x: x.flip(1), IMAGE),
    "flip tokens": (lambda x: x.flip(1), TOKENS),
    "roll": (lambda x: torch.roll(x, (2, -3), (2, 3)), IMAGE),
    "roll channels last": (lambda x: torch.roll(x, (-2, 3), (1, 2)), (1, 6, 7, 5)),
    "index_select": (lambda x: x.index_select(3, torch.tensor([0, 4, 4, 1])), IMAGE),
    "index": (lambda x: x[:, [2, 0, 0, 3, 1]], IMAGE),
    "index tokens": (lambda x: x[:, torch.tensor([5, 1, -1])], TOKENS),
    "index in steps": (lambda x: x[:, :, [1, 3, 5]], IMAGE),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, (4, 5)), IMAGE),
    "adaptive, wider": (lambda x: F.adaptive_avg_pool2d(x, (13, 7)), IMAGE),
    "adaptive 1d": (lambda x: F.adaptive_avg_pool1d(x, 4), (2, 3, 11)),
    "dilated max pool": (lambda x: F.max_pool2d(x, 3, 2, 1, 2), (2, 3, 12, 13)),
    "dilated max pool, ceil": (lambda x: F.max_pool2d(x, (3, 2), 2, 1, (2, 3), True), (2, 3, 12, 13)),
}


@pytest.mark.parametrize("name", CASES)
def test_against_torch(name: str) -> None:
    function, shape = CASES[name]
    check(Fn(function), shape)


def test_padding_modes_of_layers() -> None:
    layers = [nn.Conv2d(4, 4, 3, padding=1, padding_mode=mode) for mode in ("reflect", "circular")]
    check(nn.Sequential(*layers), IMAGE)


def test_an_index_that_differs_along_other_dimensions() -> None:
    check(Fn(lambda x: x.gather(-1, torch.arange(4)[:, None].expand(1, 4, 4, 4)) * 2), IMAGE)
