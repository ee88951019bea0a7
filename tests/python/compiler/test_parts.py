"""What is put into a tensor, constants where tensors are taken, bags, scatters, whole division, and weights
that are computed: compiled, run, and compared with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import secateur as sct


class Fn(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: torch.Tensor) -> Any:
        return self.function(*x)


def compiled(function: Callable[..., Any], *examples: torch.Tensor, fresh: tuple[Any, ...] = ()) -> None:
    """Compared on inputs that the compiler has not seen."""
    program = sct.compile(Fn(function).eval(), examples)
    inputs = fresh or tuple(torch.randn_like(x) if x.is_floating_point() else x.flip(-1) for x in examples)
    with torch.no_grad():
        wanted = function(*inputs)
    got = sct.Session(program).run([x.numpy() for x in inputs])
    pairs = [(got, wanted)] if isinstance(wanted, torch.Tensor) else list(zip(got, wanted, strict=True))
    for y, want in pairs:
        assert y.shape == tuple(want.shape)
        np.testing.assert_allclose(y, want.numpy(), rtol=0, atol=2e-5)


def weight(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def test_parts_written_into_zeros_and_into_a_tensor() -> None:
    def put(x: torch.Tensor) -> Any:
        boxes = torch.zeros_like(x)
        boxes[..., 0] = x[..., 1] * 2
        boxes[..., 2:] = x[..., :2]
        other = x * 1
        other[:, 1:3] = 5.0
        other[:, ::2, 0] += 1
        return boxes, other

    compiled(put, torch.randn(1, 6, 4))


def test_outputs_that_no_input_changes() -> None:
    constant = weight(2, 3)
    compiled(lambda x: (x.relu(), constant.exp(), torch.arange(3)), torch.randn(1, 4))


def test_a_constant_output_stands_whatever_the_input_is() -> None:
    constant = weight(2, 3)
    program = sct.compile(Fn(lambda x: (x.relu(), constant * 2)).eval(), (torch.randn(1, 4),))
    _, got = sct.Session(program).run(np.full((1, 4), np.nan, np.float32))
    np.testing.assert_array_equal(got, constant.numpy() * 2)


def test_a_constant_query_attends_to_the_input() -> None:
    """As learned queries do (DETR, perceivers)."""
    query = weight(1, 2, 3, 8)

    def attend(x: torch.Tensor) -> torch.Tensor:
        keys = x.view(1, 5, 2, 8).transpose(1, 2)
        return F.scaled_dot_product_attention(query, keys, keys * 2)

    compiled(attend, torch.randn(1, 5, 16))


def test_a_bias_that_is_computed_on_scores() -> None:
    def attend(x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.baddbmm(bias, x, x.transpose(1, 2), beta=0.5, alpha=0.25).softmax(-1) @ x

    compiled(attend, torch.randn(2, 5, 4), torch.randn(2, 5, 5))


def test_a_bias_that_is_added_to_part_of_the_scores() -> None:
    """In place, as MViT adds its relative positions to all but the class token's."""
    bias = torch.randn(4, 4)

    def network(x: torch.Tensor) -> torch.Tensor:
        scores = 0.3 * x @ x.transpose(1, 2)
        scores[:, 1:, 1:].add_(bias)
        return scores.softmax(-1) @ x

    compiled(network, torch.randn(1, 5, 6))


def test_a_constant_between_computed_parts() -> None:
    middle = weight(1, 2, 4)
    compiled(lambda x: torch.cat([x, middle, x * 2], 1), torch.randn(1, 3, 4))


@pytest.mark.parametrize("kind", ["max", "min"])
def test_the_largest_and_where_it_is(kind: str) -> None:
    compiled(lambda x: (*getattr(torch, kind)(x, 1), getattr(torch, kind)(x)), torch.randn(2, 5, 3))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bags_of_one_size(mode: str) -> None:
    table = weight(9, 4)
    compiled(lambda ids: F.embedding_bag(ids, table, mode=mode), torch.randint(0, 9, (3, 5)))


def test_scatter() -> None:
    def gates(x: torch.Tensor) -> Any:
        value, at = x.topk(2, -1)
        return (
            torch.zeros_like(x).scatter(-1, at, value),
            x.scatter(-1, at, -1.0),
            x.scatter_add(-1, at, value),
        )

    compiled(gates, torch.randn(3, 6))


def test_whole_division_and_remainder() -> None:
    ids = torch.tensor([[0, 1, 6, 7, 8, 13, 14, 1000, 4194303]])

    def places(i: torch.Tensor) -> Any:
        down = torch.div(i - 5, 7, rounding_mode="floor")
        return i // 7, i % 7, down, torch.div(i - 5, 7, rounding_mode="trunc"), (i - 5) % 7, i // 1, i // 3

    compiled(places, ids, fresh=(ids + 1,))


@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_whose_kernel_is_computed(groups: int) -> None:
    """As dynamic convolutions mix their experts."""
    kernels = weight(3, 6 * 4 // groups * 9)

    def mixed(x: torch.Tensor) -> torch.Tensor:
        w = (x.mean((2, 3))[:, :3].softmax(-1) @ kernels).view(6, 4 // groups, 3, 3)
        return F.conv2d(x, w, x.amax((0, 2, 3)).repeat(2)[:6], stride=2, padding=1, groups=groups)

    compiled(mixed, torch.randn(1, 4, 7, 6))


@pytest.mark.parametrize(
    ("kernel", "options"),
    [(2, {"stride": 2}), (3, {"stride": 2, "padding": 1, "output_padding": 1}), (3, {"dilation": 2})],
)
def test_transposed_convolutions_in_three_dimensions(kernel: int, options: dict[str, int]) -> None:
    w, bias = weight(4, 2, kernel, kernel, kernel), weight(2)
    compiled(lambda x: F.conv_transpose3d(x, w, bias, **options), torch.randn(1, 4, 3, 4, 5))
