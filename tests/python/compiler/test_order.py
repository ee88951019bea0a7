"""Sorting, the k largest, and elements by computed places: compiled, run, and compared with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.errors import UnsupportedOperatorError


class Fn(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: torch.Tensor) -> Any:
        return self.function(*x)


def agrees(function: Callable[..., Any], *examples: torch.Tensor, fresh: tuple[Any, ...] = ()) -> None:
    """To the bit, on inputs that the compiler has not seen."""
    program = sct.compile(Fn(function).eval(), examples)
    inputs = fresh or tuple(torch.randn_like(x) if x.is_floating_point() else x.flip(-1) for x in examples)
    wanted = function(*inputs)
    got = sct.Session(program).run([x.numpy() for x in inputs])
    pairs = [(got, wanted)] if isinstance(wanted, torch.Tensor) else list(zip(got, wanted, strict=True))
    for y, want in pairs:
        np.testing.assert_array_equal(y, want.numpy())


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_sort_and_argsort(dim: int) -> None:
    agrees(lambda x: (*torch.sort(x, dim), torch.argsort(x, dim, descending=True)), torch.randn(3, 4, 5))


def test_equal_elements_keep_their_order_in_a_stable_sort() -> None:
    x = torch.tensor([[2.0, 1, 2, 1, 3, 1]])
    agrees(lambda x: torch.sort(x, stable=True, descending=True), torch.randn(1, 6), fresh=(x,))
    agrees(lambda x: torch.sort(x, stable=True), torch.randn(1, 6), fresh=(x,))


def test_nan_is_the_greatest() -> None:
    x = torch.tensor([[2.0, float("nan"), -1, float("inf")]])
    agrees(lambda x: (torch.argsort(x), torch.topk(x, 2).indices), torch.randn(1, 4), fresh=(x,))


@pytest.mark.parametrize("largest", [True, False])
def test_topk_of_scores_and_the_boxes_that_belong_to_them(largest: bool) -> None:
    def best(scores: torch.Tensor, boxes: torch.Tensor) -> Any:
        value, at = torch.topk(scores.amax(-1), 4, dim=1, largest=largest)
        return value, at, boxes.gather(1, at.unsqueeze(-1).expand(-1, -1, 4)), boxes[0, at[0]]

    agrees(best, torch.randn(1, 20, 3), torch.randn(1, 20, 4))


def test_median_and_kth_value() -> None:
    agrees(lambda x: (*torch.median(x, 1), *torch.kthvalue(x, 2, 0, keepdim=True)), torch.randn(3, 6))
    agrees(lambda x: torch.median(x), torch.randn(3, 6))


def test_gather_with_an_index_shorter_than_the_data() -> None:
    x = torch.randn(3, 4, 5)
    index = torch.tensor([[[1, 0, 3]], [[2, 2, 0]]])
    agrees(lambda x, i: torch.gather(x, 1, i), x, index, fresh=(x * 2, index.flip(-1)))
    agrees(lambda x: torch.gather(x, 1, index), x)


def test_indices_of_several_dimensions_negative_ones_too() -> None:
    x = torch.randn(2, 3, 4, 5)
    i, j = torch.tensor([0, -1, 1]), torch.tensor([[2], [-3]])
    fresh = (x * 2, torch.tensor([1, 0, -2]), torch.tensor([[0], [-1]]))
    agrees(lambda x, i, j: (x[:, i], x[i, j], x[:, :, j, i], x[i, :, j]), x, i, j, fresh=fresh)


def test_last_state_before_the_padding() -> None:
    def last(x: torch.Tensor, ids: torch.Tensor) -> Any:
        return x[torch.arange(2), (ids != 0).sum(1) - 1]

    ids = torch.tensor([[3, 4, 0], [5, 6, 7]])
    x = torch.randn(2, 3, 4)
    agrees(last, x, ids, fresh=(x * 3, torch.tensor([[3, 0, 0], [0, 0, 0]])))


def test_a_constant_by_computed_indices() -> None:
    table = torch.randn(3, 4, 2)
    i, j = torch.tensor([[0, 2], [1, 1]]), torch.tensor([3, 0])
    agrees(lambda i, j: (table[i], table[i, j]), i, j, fresh=(i.flip(0), j.flip(0)))
    k = torch.tensor([[[0, 1], [3, 2]], [[2, 2], [1, 0]]])
    agrees(lambda k: torch.gather(table, 1, k), k, fresh=(k.flip(0),))


def test_a_selection_by_truth_values_is_refused_in_one_sentence() -> None:
    with pytest.raises(UnsupportedOperatorError) as caught:
        sct.compile(Fn(lambda x: x[x > 0]), (torch.randn(2, 3),))
    assert "a selection by truth values: how many elements it has, the values say" in str(caught.value)
    assert "test_order.py" in str(caught.value)


def test_rows_selected_by_computed_numbers() -> None:
    table, x = torch.randn(5, 3), torch.randn(2, 4)
    i = torch.tensor([1, 3, 0])
    agrees(lambda x, i: (table.index_select(0, i), x.index_select(1, i)), x, i, fresh=(x * 2, i.flip(0)))
