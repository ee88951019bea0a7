"""Each pass before and after, by the NumPy definitions in float64: the same result, fewer operators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from secateur.frontend import export, lower
from secateur.ir import Graph, verify
from secateur.ir.reference import run_graph
from secateur.passes import GRAPH_PASSES, Pass, core_for, optimise
from secateur.passes.fold_affine import FOLD_AFFINE, LOWER_AFFINE
from secateur.passes.fold_padding import FOLD_PADDING
from secateur.passes.fuse_activation import FUSE_ACTIVATION
from secateur.passes.fuse_residual import FUSE_RESIDUAL
from secateur.passes.simplify import SIMPLIFY
from secateur.passes.split_projection import SPLIT_PROJECTION

CORE = core_for("x86-64")
IMAGE = (2, 4, 7, 9)


class Fn(nn.Module):
    def __init__(self, function: Any, *modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(modules)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(*self.parts, x)


def lowered(module: nn.Module, shape: tuple[int, ...] = IMAGE) -> Graph:
    torch.manual_seed(0)
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.normal_(m.running_mean)  # type: ignore[arg-type]
            nn.init.uniform_(m.running_var, 0.5, 2)  # type: ignore[arg-type]
            nn.init.normal_(m.weight)
            nn.init.normal_(m.bias)
    return lower(export(module, torch.randn(shape)))


def kinds(graph: Graph) -> list[str]:
    return [op.kind for op in graph.ops]


def apply(step: Pass, graph: Graph) -> bool:
    """Runs one pass; its result must not change, nor `modified` lie."""
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(port.shape) for port in graph.inputs]
    before, _ = run_graph(graph, inputs)
    text = str(graph)
    outcome = step.run(graph, CORE)
    verify(graph)
    after, _ = run_graph(graph, inputs)
    for x, y in zip(before, after, strict=True):
        np.testing.assert_allclose(y, x, rtol=0, atol=1e-5 * max(1, np.abs(x).max()))  # weights round to f32
    assert outcome.modified == (str(graph) != text)
    if not outcome.modified:
        assert outcome.sentence == ""
    again = step.run(graph, CORE)
    assert not again.modified
    return outcome.modified


conv = nn.Conv2d(4, 6, 3, padding=1)


@pytest.mark.parametrize(
    ("module", "after"),
    [
        (nn.Sequential(conv, nn.BatchNorm2d(6)), ["Conv"]),
        (nn.Sequential(nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.BatchNorm2d(4)), ["Depthwise"]),
        (nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3)), ["Conv"]),
        (nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3, groups=2)), ["Conv"]),
        (nn.Sequential(nn.BatchNorm2d(4), conv), ["Affine", "Conv"]),
        (nn.Sequential(nn.BatchNorm2d(4), nn.BatchNorm2d(4)), ["Affine"]),
        (nn.Sequential(conv, nn.ReLU(), nn.BatchNorm2d(6)), ["Conv", "Unary", "Affine"]),
        (Fn(lambda c, x: 3 - (c(x) * 2 - 1) / 4, conv), ["Conv"]),
        (Fn(lambda c, x: 3 / c(x), conv), ["Conv", "Binary", "Binary"]),
        (Fn(lambda c, n, x: c(x) + n(c(x)), conv, nn.BatchNorm2d(6)), ["Conv", "Conv", "Binary"]),
        (Fn(lambda x: (x + torch.arange(63.0).view(7, 9)) + torch.arange(4.0).view(4, 1, 1)), ["Binary"]),
        (Fn(lambda x: (x * torch.arange(63.0).view(7, 9)) * torch.arange(63.0).view(7, 9)), ["Binary"]),
    ],
)
def test_fold_batch_norm(module: nn.Module, after: list[str]) -> None:
    graph = lowered(module)
    apply(FOLD_AFFINE, graph)
    assert kinds(graph) == after


def test_a_shared_convolution_is_not_folded_into() -> None:
    def both(c: nn.Module, n: nn.Module, x: torch.Tensor) -> torch.Tensor:
        y = c(x)
        return y + n(y)

    graph = lowered(Fn(both, conv, nn.BatchNorm2d(6)))
    assert not apply(FOLD_AFFINE, graph)
    apply(LOWER_AFFINE, graph)
    assert kinds(graph) == ["Conv", "Depthwise", "Binary"]


@pytest.mark.parametrize(
    ("module", "after"),
    [
        (nn.Sequential(nn.ZeroPad2d((0, 1, 2, 1)), conv), ["Conv"]),
        (nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(4, 4, 3, groups=4)), ["Depthwise"]),
        (nn.Sequential(nn.ConstantPad2d(1, 2.0), conv), ["Pad", "Conv"]),
        (nn.Sequential(nn.ZeroPad2d(1), nn.AvgPool2d(3)), ["Pool"]),
        (
            nn.Sequential(nn.ZeroPad2d(1), nn.AvgPool2d(3, padding=1, count_include_pad=False)),
            ["Pad", "Pool"],
        ),
        (nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(3)), ["Pad", "Pool"]),
        (Fn(lambda c, x: c(F.pad(x[:, :3], (0, 0, 0, 0, 0, 1))), conv), ["Slice", "Pad", "Conv"]),
    ],
)
def test_fold_padding(module: nn.Module, after: list[str]) -> None:
    graph = lowered(module)
    apply(FOLD_PADDING, graph)
    assert kinds(graph) == after


def test_padding_read_twice_is_folded_into_both() -> None:
    def both(c: nn.Module, x: torch.Tensor) -> torch.Tensor:
        y = F.pad(x, (1, 1, 1, 1))
        return c(y) + c(y * 1)

    graph = lowered(Fn(both, conv))
    apply(SIMPLIFY, graph)
    apply(FOLD_PADDING, graph)
    assert "Pad" not in kinds(graph)


@pytest.mark.parametrize(
    ("module", "after"),
    [
        (nn.Sequential(conv, nn.ReLU()), ["Conv"]),
        (nn.Sequential(conv, nn.ReLU(), nn.Sigmoid()), ["Conv", "Unary"]),
        (nn.Sequential(nn.MaxPool2d(2), nn.GELU()), ["Pool"]),
        (nn.Sequential(nn.Softmax(1), nn.ReLU()), ["Softmax", "Unary"]),
        (Fn(lambda c, x: (lambda y: y + y.relu())(c(x)), conv), ["Conv", "Unary", "Binary"]),
        (Fn(lambda c, x: (lambda y: (y, y.relu()))(c(x)), conv), ["Conv", "Unary"]),
    ],
)
def test_fuse_activation(module: nn.Module, after: list[str]) -> None:
    graph = lowered(module)
    apply(FUSE_ACTIVATION, graph)
    assert kinds(graph) == after


@pytest.mark.parametrize(
    ("function", "after"),
    [
        (lambda c, x: c(x) + torch.cat([x, x[:, :2]], 1), ["Slice", "Concat", "Conv"]),
        (lambda c, x: c(x) + c(x).relu(), ["Conv", "Unary", "Conv"]),
        (lambda c, x: c(x) + c(x * 2), ["Conv", "Binary", "Conv"]),
        (lambda c, x: c(x) - c(x * 2), ["Conv", "Binary", "Conv", "Binary"]),
        (lambda c, x: (lambda y: y + y)(c(x)), ["Conv", "Binary"]),
        (lambda c, x: c(x).relu() + c(x).relu(), ["Conv", "Unary", "Conv", "Unary", "Binary"]),
    ],
)
def test_fuse_residual(function: Any, after: list[str]) -> None:
    graph = lowered(Fn(function, conv))
    apply(FUSE_RESIDUAL, graph)
    assert kinds(graph) == after


def test_split_projection() -> None:
    def packed(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
        q, k, v = m(x).chunk(3, -1)
        return q * k + v

    graph = lowered(Fn(packed, nn.Linear(8, 12)), (1, 5, 8))
    assert apply(SPLIT_PROJECTION, graph)
    assert kinds(graph) == ["Conv", "Conv", "Conv", "Binary", "Binary"]
    overlapping = lowered(Fn(lambda c, x: c(x)[:, :4] + c(x)[:, 2:], conv))
    apply(SPLIT_PROJECTION, overlapping)
    assert kinds(overlapping) == ["Conv", "Conv", "Binary"]  # two convolutions, each read in one slice


@pytest.mark.parametrize(
    ("function", "after"),
    [
        (lambda x: x + 0, []),
        (lambda x: (x * 1).relu(), ["Unary"]),
        (lambda x: 0 - x, ["Binary"]),
        (lambda x: x.transpose(1, 2) @ torch.eye(4) if x.dim() == 3 else x, []),
        (lambda x: torch.cat([x], 1), []),
    ],
)
def test_simplify(function: Any, after: list[str]) -> None:
    graph = lowered(Fn(function))
    apply(SIMPLIFY, graph)
    assert kinds(graph) == after


def test_two_transposes_cancel() -> None:
    graph = lowered(
        Fn(lambda x: F.layer_norm(x.transpose(1, 2), (5,)).transpose(1, 2).softmax(-1)), (1, 5, 8)
    )
    apply(SIMPLIFY, graph)
    assert kinds(graph).count("Transpose") <= 1


def test_optimise_reports_and_reaches_a_fixed_point() -> None:
    block = nn.Sequential(conv, nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.BatchNorm2d(4))
    graph = lowered(Fn(lambda m, x: F.relu(x + m(x)), block))
    report = optimise(graph, CORE)
    assert kinds(graph) == ["Conv", "Conv"]
    assert [str(op.activation) for op in graph.ops] == ["relu", "relu"]
    assert any("2 scales" in line for line in report)
    assert any("1 residual addition " in line for line in report)
    assert not any(step.run(graph, CORE).modified for step in GRAPH_PASSES)
