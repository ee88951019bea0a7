"""Products with constants that differ per head or item, windows along a dimension, and orders of many
dimensions: compiled, run, and compared with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct


class Fn(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: torch.Tensor) -> Any:
        return self.function(*x)


def compiled(function: Callable[..., Any], *shapes: tuple[int, ...], atol: float = 2e-5) -> list[str]:
    """Compared on inputs that the compiler has not seen; the operators."""
    torch.manual_seed(0)
    program = sct.compile(Fn(function).eval(), tuple(torch.randn(s) for s in shapes))
    inputs = [torch.randn(s) for s in shapes]
    want = function(*(x.double() for x in inputs)).numpy()
    y = sct.Session(program).run([x.numpy() for x in inputs])
    assert y.shape == want.shape
    np.testing.assert_allclose(y, want, rtol=0, atol=atol)
    return [layer.op for layer in program.layers]


def weight(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("equation", "x", "w"),
    [
        ("bhmc,hkc->bhmk", (1, 3, 5, 4), (3, 6, 4)),  # a position table per head
        ("byhwc,hkc->byhwk", (1, 4, 2, 5, 3), (2, 6, 3)),
        ("nctv,kvw->nkctw", (1, 3, 4, 5), (2, 5, 5)),  # a graph per kind of edge
        ("nkctv,kvw->nctw", (1, 2, 3, 4, 5), (2, 5, 5)),
        ("bd,edh->beh", (3, 4), (2, 4, 5)),  # experts
        ("hij,bhjc->bhic", (2, 5, 4), (1, 2, 4, 3)),
    ],
)
def test_einsum_with_a_constant_per_item(equation: str, x: tuple[int, ...], w: tuple[int, ...]) -> None:
    if equation.startswith("hij"):
        left = weight(*x)
        compiled(lambda t: torch.einsum(equation, left.to(t), t), w)
    else:
        right = weight(*w)
        compiled(lambda t: torch.einsum(equation, t, right.to(t)), x)


def test_a_constant_per_head_is_a_convolution_in_groups() -> None:
    table = weight(3, 6, 4)
    kinds = compiled(lambda t: torch.einsum("bhmc,hkc->bhmk", t, table.to(t)), (1, 3, 5, 4))
    assert "MatMul" not in kinds


@pytest.mark.parametrize(
    ("x", "w"), [((4,), (2, 4, 3)), ((2, 1, 5, 4), (3, 4, 6)), ((1, 5, 4), (2, 3, 4, 6))]
)
def test_matmul_broadcasts_constants(x: tuple[int, ...], w: tuple[int, ...]) -> None:
    right = weight(*w)
    compiled(lambda t: t @ right.to(t), x)


@pytest.mark.parametrize(
    ("w", "x"), [((3, 4), (4,)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)), ((2, 1, 3, 4), (5, 4, 6))]
)
def test_a_constant_from_the_left(w: tuple[int, ...], x: tuple[int, ...]) -> None:
    left = weight(*w)
    compiled(lambda t: left.to(t) @ t, x)


@pytest.mark.parametrize(("dim", "size", "step"), [(-1, 4, 2), (2, 3, 3), (1, 2, 1), (3, 5, 4)])
def test_windows_along_a_dimension(dim: int, size: int, step: int) -> None:
    compiled(lambda t: t.unfold(dim, size, step) * 2, (1, 3, 6, 10))


def test_windows_of_windows() -> None:
    """As halo attention cuts its blocks."""
    compiled(
        lambda t: t.unfold(2, 4, 2).unfold(3, 4, 2).permute(0, 2, 3, 4, 5, 1).flatten(1, 2), (1, 3, 8, 8)
    )


def test_an_order_of_more_than_eight_dimensions() -> None:
    """As Hiera mixes its windows."""

    def mixed(t: torch.Tensor) -> torch.Tensor:
        return t.view(2, 3, 2, 2, 3, 2, 2, 2, 2, 2).permute(9, 0, 8, 1, 7, 2, 6, 3, 5, 4).reshape(72, 32) * 2

    compiled(mixed, (1, 72 * 32))
