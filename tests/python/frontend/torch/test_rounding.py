"""Rounding, remainders, angles and hyperbolic functions: the runtime must give what PyTorch gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from test_operators import Fn

import secateur as sct

X = torch.tensor([-7.5, -2.5, -1.5, -1.2, -0.5, -0.1, 0.0, 0.3, 0.5, 0.9, 1.5, 2.5, 3.7, 1e7, -1e7]).reshape(
    1, 3, 5
)
Y = torch.tensor([2.0, -3.0, 0.75, 4.0, -1.0, 0.7, 5.0, -0.4, 2.5, 1.0, -2.0, 0.6, 3.0, 8.0, 3.0]).reshape(
    1, 3, 5
)
UNIT = torch.linspace(-0.99, 0.99, 15).reshape(1, 3, 5)

# Rounded, with all its results in one tensor: exact.
ROUNDED: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "whole": lambda x, y: torch.cat([x.floor(), x.ceil(), x.round(), x.trunc(), torch.fix(x)]),
    "parts": lambda x, y: torch.cat([(x.clamp(-9, 9) * 4).frac(), torch.round(x * 0.01, decimals=1)]),
    "divisions": lambda x, y: torch.cat(
        [torch.div(x, y, rounding_mode="floor"), torch.div(x, 0.75, rounding_mode="trunc"), x // 2.5]
    ),
    "remainders": lambda x, y: torch.cat(
        [torch.fmod(x.clamp(-9, 9), y), torch.remainder(x.clamp(-9, 9), y), x.clamp(-9, 9) % 0.75, 5 % y]
    ),
}

ANGLES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "inverse": lambda x, y: torch.cat(
        [x.asin(), x.acos(), x.atan(), x.atanh(), (3 * x).asinh(), (x + 2).acosh()]
    ),
    "forward": lambda x, y: torch.cat([x.tan(), x.sinh(), x.cosh()]),
    "of two": lambda x, y: torch.cat([torch.atan2(x, y), torch.atan2(y, x), torch.atan2(x - x, x)]),
    "of a constant": lambda x, y: torch.cat([torch.atan2(x, Y), torch.atan2(Y, x)]),
}


def run(function: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    got = sct.Session(sct.compile(Fn(function), inputs)).run([x.numpy() for x in inputs])
    assert isinstance(got, np.ndarray)
    return got, function(*inputs).numpy()


@pytest.mark.parametrize("name", ROUNDED)
def test_rounded(name: str) -> None:
    got, want = run(lambda x, y: ROUNDED[name](x, y) + 0 * y, X, Y)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("name", ANGLES)
def test_angle(name: str) -> None:
    got, want = run(lambda x, y: ANGLES[name](x, y) + 0 * y, UNIT, Y)
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


def test_whole_numbers_by_computed_ones() -> None:
    ids, by = torch.arange(-7, 8).reshape(1, 15), torch.tensor([[3, 1, 2, 5, 7] * 3])
    function = Fn(lambda x, y: torch.stack([x // y, x % y, torch.div(x, y, rounding_mode="trunc")]).float())
    got = sct.Session(sct.compile(function, (ids, by))).run([ids.numpy(), by.numpy()])
    np.testing.assert_array_equal(got, function(ids, by).numpy())


def test_bounds_in_tensors() -> None:
    low, high = torch.tensor(-2.0), torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])

    def network(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        parts = [x.clamp(low, torch.tensor(2.5)), x.clamp(max=high), x.clamp(y, y + 1), high.clamp(min=y)]
        return torch.cat([*parts, x.clamp_min(low)])

    got, want = run(network, X, Y)
    np.testing.assert_allclose(got, want, rtol=1e-6)
