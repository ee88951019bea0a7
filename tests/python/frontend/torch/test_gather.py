"""Elements chosen by constants: padding that repeats, flips, rolls, indices; adaptive pools; as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_operators import IMAGE, TOKENS, Fn, check
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur.errors import UnsupportedOperatorError

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
    "roll of all": (lambda x: torch.roll(x, 5), IMAGE),
    "adaptive 3d": (lambda x: F.adaptive_avg_pool3d(x, (2, 3, 4)), (2, 3, 5, 6, 9)),
    "adaptive 3d, one depth": (lambda x: F.adaptive_avg_pool3d(x, (1, 4, 4)), (1, 3, 4, 6, 9)),
    "adaptive max 3d": (lambda x: F.adaptive_max_pool3d(x, (2, 3, 4)), (1, 3, 5, 6, 9)),
    "a divisor": (lambda x: F.avg_pool2d(x, 3, 2, 1, divisor_override=4), IMAGE),
    "cross": (lambda x: torch.cross(x[:, :3], x[:, 1:].flip(2), dim=1), IMAGE),
    "columns": (lambda x: torch.column_stack([x[0, 0, 0], x[0, 1, :5].T, torch.ones(11)]), IMAGE),
    "trace": (lambda x: x[0, 0].trace() * x, IMAGE),
    "as_strided": (lambda x: x.contiguous().as_strided((2, 5, 7), (40, 4, 2), 3), IMAGE),
    "added at places": (lambda x: x.index_add(1, torch.tensor([2, 0, 2]), x[:, 1:], alpha=0.5), IMAGE),
    "added constants": (lambda x: x.index_add(3, torch.tensor([2, 2]), torch.ones(1, 4, 9, 2)), IMAGE),
    "max unpool": (
        lambda x: F.max_unpool2d(*F.max_pool2d(x.relu(), 2, return_indices=True), 2),
        (2, 3, 6, 8),
    ),
    "max unpool to an odd size": (
        lambda x: F.max_unpool2d(*F.max_pool2d(x, (2, 3), return_indices=True), (2, 3), output_size=(9, 11)),
        IMAGE,
    ),
    "places of maxima": (
        lambda x: F.max_pool2d(x.round(), 3, 2, 1, return_indices=True)[1].float(),
        (2, 3, 9, 12),
    ),
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


REDUCTIONS = ["sum", "mean", "amax", "amin"]


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_scatter_that_reduces(reduce: str, include: bool) -> None:
    """What networks on graphs do with the messages of edges: at constant places, and at computed ones."""
    edges = torch.tensor([0, 2, 2, 5, 0, 2])

    def at_constants(x: torch.Tensor) -> torch.Tensor:
        places = edges[None, :, None].expand(2, 6, 3)
        return x.scatter_reduce(1, places, 2 * x.flip(1), reduce, include_self=include)

    def at_computed(x: torch.Tensor) -> torch.Tensor:
        places = (x * 2).round().clamp(0, 5).long()
        return torch.zeros(2, 7, 3).scatter_reduce(1, places, x, reduce, include_self=include) + x[:, :1]

    check(Fn(at_constants), (2, 6, 3))
    check(Fn(at_computed), (2, 6, 3))


def test_what_a_mask_chooses_is_overwritten() -> None:
    def network(x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[x > 0] = x.max()
        y[y.sum(-1) > 0] = 2.0
        y[x < -1] *= 0.5  # what was chosen is changed and put back
        z = x.flip(1)
        near = z < y
        z[near] = torch.tanh(y[near]) + z[near]
        return z

    check(Fn(network), (2, 5, 4))


def test_sums_and_means_of_what_a_mask_chooses() -> None:
    check(Fn(lambda x: x[x > 0].mean() + x * x[x < 0].abs().sum()), (2, 5, 4))
    check(Fn(lambda x: x[x.sum(-1) > -9].mean() * x), (2, 5, 4))
    for function in (lambda x: x[x > 0], lambda x: x[x > 0].softmax(0).sum(), lambda x: x[x > 0] + x[x < 0]):
        with pytest.raises(UnsupportedOperatorError, match="a selection by truth values"):
            sct.compile(Fn(function), torch.randn(2, 5, 4))


def test_sizes_that_constants_say() -> None:
    """How often, and which: the values of buffers, which a tracer takes for unknown."""
    times, mask = torch.tensor([1, 2, 0, 3]), torch.tensor([True, False, True, True])

    check(Fn(lambda x: 2 * torch.repeat_interleave(x, times, dim=1)), (2, 4, 5))
    check(Fn(lambda x: 2 * x[:, torch.nonzero(mask).squeeze(1)]), (2, 4, 5))
    check(Fn(lambda x: 2 * torch.masked_select(x, mask[None, :, None])), (2, 4, 5))
    check(Fn(lambda x: 2 * x[:, mask]), (2, 4, 5))


def test_a_number_of_a_tensor() -> None:
    check(Fn(lambda x: x / x.abs().max().item() + x.mean().item()), (2, 4, 5))
    with pytest.raises(UnsupportedOperatorError):
        sct.compile(Fn(lambda x: x.repeat(int(x.abs().sum().item()) + 1)), torch.randn(3))
