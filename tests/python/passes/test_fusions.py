"""What the two fusing passes leave alone, and what they say: found by `make mutants`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from test_passes import CORE, Fn, apply, conv, kinds, lowered
from torch import nn

from secateur.passes.fuse_activation import FUSE_ACTIVATION
from secateur.passes.fuse_residual import FUSE_RESIDUAL

square = nn.Conv2d(4, 4, 3, padding=1)
twice = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))


@pytest.mark.parametrize(
    ("function", "after"),
    [
        # An operand that nothing made: the network's input.
        (lambda c, x: c(x) + x, ["Conv"]),
        (lambda c, x: x + c(x), ["Conv"]),
        # An operand that is spread over all positions is not a residual.
        (lambda c, x: c(x) + x.mean((2, 3), keepdim=True), ["Conv", "GlobalPool", "Binary"]),
        (lambda c, x: x.mean((2, 3), keepdim=True) + c(x), ["GlobalPool", "Conv", "Binary"]),
        # A convolution adds one other, not two.
        (lambda c, x: (c(x) + x) + x * 2, ["Conv", "Binary", "Binary"]),
        # Its result is read elsewhere too.
        (lambda c, x: (lambda y: (y + x, y.relu()))(c(x)), ["Conv", "Binary", "Unary"]),
    ],
)
def test_residuals(function: Any, after: list[str]) -> None:
    graph = lowered(Fn(function, square))
    apply(FUSE_RESIDUAL, graph)
    assert kinds(graph) == after


def test_residuals_are_counted() -> None:
    one = lowered(Fn(lambda c, x: c(x) + x, square))
    assert FUSE_RESIDUAL.run(one, CORE).sentence == "1 residual addition fused into convolutions"
    two = lowered(Fn(lambda c, d, x: (lambda y: d(y) + y)(c(x) + x), square, nn.Conv2d(4, 4, 1)))
    outcome = FUSE_RESIDUAL.run(two, CORE)
    assert outcome.sentence == "2 residual additions fused into convolutions"
    assert kinds(two) == ["Conv", "Conv"]
    assert [len(op.inputs) for op in two.ops] == [2, 2]


@pytest.mark.parametrize(
    ("function", "after"),
    [
        # Nothing makes the network's input.
        (lambda c, x: x.relu(), ["Unary"]),
        (lambda c, x: torch.cat([c(x.relu()), x.sigmoid()], 1), ["Unary", "Conv", "Unary", "Concat"]),
        # One activation each: the second stays.
        (lambda c, x: c(x).relu().sigmoid(), ["Conv", "Unary"]),
    ],
)
def test_activations(function: Any, after: list[str]) -> None:
    graph = lowered(Fn(function, conv))
    apply(FUSE_ACTIVATION, graph)
    assert kinds(graph) == after


def test_activations_are_counted() -> None:
    one = lowered(nn.Sequential(conv, nn.ReLU()))
    assert FUSE_ACTIVATION.run(one, CORE).sentence == "1 activation fused into what makes their argument"
    two = lowered(nn.Sequential(square, nn.ReLU(), conv, nn.Sigmoid()))
    outcome = FUSE_ACTIVATION.run(two, CORE)
    assert outcome.sentence == "2 activations fused into what makes their argument"
    assert [op.activation for op in two.ops] == [op.activation for op in two.ops if op.activation]


def test_only_an_activation_goes() -> None:
    """Not a second convolution, though its planes are as large as the first's."""
    graph = lowered(twice)
    assert not apply(FUSE_ACTIVATION, graph)
    assert kinds(graph) == ["Conv", "Conv"]
