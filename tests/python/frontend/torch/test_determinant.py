"""Determinants of small matrices, as PyTorch."""

from __future__ import annotations

import pytest
import torch
from test_operators import Fn, check

import secateur as sct
from secateur.errors import UnsupportedOperatorError


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_against_torch(n: int) -> None:
    check(Fn(torch.linalg.det), (5, n, n))


def test_of_one_matrix_and_of_a_product() -> None:
    check(Fn(lambda x: torch.det(x) * x), (3, 3))
    check(Fn(lambda x: torch.linalg.det(x @ x.mT) * x[:, 0, 0]), (2, 3, 3))


def test_larger_ones_are_refused_by_their_size() -> None:
    with pytest.raises(UnsupportedOperatorError, match="a determinant of 5 by 5"):
        sct.compile(Fn(torch.linalg.det), (torch.randn(2, 5, 5),))
