"""Each pass before and after, by the NumPy definitions in float64: the same result, fewer operators."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from secateur.frontend.torch import export, lower
from secateur.ir import Activation, Graph, Op, Port, Value, planes, verify
from secateur.ir import options as o
from secateur.ir.reference import run_graph
from secateur.passes import GRAPH_PASSES, Pass, core_for, optimise
from secateur.passes.dead_code import DEAD_CODE
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
    ("function", "before", "after"),
    [
        (lambda x: x + 0, ["Binary"], []),
        (lambda x: (x * 1).relu(), ["Binary", "Unary"], ["Unary"]),
        (lambda x: 0 - x, ["Binary"], ["Binary"]),
        (lambda x: x / 1 - 0, ["Binary", "Binary"], []),
        (lambda x: x * 0, ["Binary"], ["Binary"]),
    ],
)
def test_neutral_constants_go(function: Any, before: list[str], after: list[str]) -> None:
    graph = lowered(Fn(function))
    assert kinds(graph) == before
    apply(SIMPLIFY, graph)
    assert kinds(graph) == after


Shape = tuple[int, int, int, int]
Step = tuple[str, o.Options, Shape]


def chain(shape: Shape, *steps: Step) -> Graph:
    """x -> one operator after another; a step is (kind, options, shape of its output)."""
    x = Value("x", planes(*shape))
    ops: list[Op] = []
    value = x
    for i, (kind, options, out) in enumerate(steps):
        y = Value(f"v{i}", planes(*out))
        ops.append(Op(kind, f"v{i}", [value], y, options))
        value = y
    graph = Graph("g", [Port("x", x, shape)], [Port("y", value, value.shape)], ops)
    verify(graph)
    return graph


FLAT = (2, 12, 1, 1)
GRID = (2, 6, 3, 4)
IDENTITIES: dict[str, tuple[Shape, str, o.Options]] = {
    "slice of everything": (GRID, "Slice", o.SliceOptions()),
    "concatenation of one": (GRID, "Concat", o.ConcatOptions()),
    "padding by nothing": (GRID, "Pad", o.PadOptions(value=3.0)),
    "flatten of one position": (FLAT, "Flatten", o.FlattenOptions()),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities_go(name: str) -> None:
    shape, kind, options = IDENTITIES[name]
    graph = chain(shape, (kind, options, shape))
    assert apply(SIMPLIFY, graph)
    assert kinds(graph) == []
    assert graph.outputs[0].value is graph.inputs[0].value


@pytest.mark.parametrize("name", ["slice of everything", "concatenation of one", "padding by nothing"])
def test_an_identity_leaves_its_activation(name: str) -> None:
    shape, kind, options = IDENTITIES[name]
    graph = chain(shape, (kind, options, shape))
    graph.ops[0].activation = Activation("relu")
    assert apply(SIMPLIFY, graph)
    assert [str(op) for op in graph.ops] == ["%v0: 2x6x3x4 = Unary(%x) -> relu  # v0"]


@pytest.mark.parametrize(
    "graph",
    [
        chain((1, 4, 1, 1), ("Slice", o.SliceOptions(row_step=2), (1, 4, 1, 1))),
        chain((1, 4, 3, 1), ("Slice", o.SliceOptions(channel_begin=1), (1, 3, 3, 1))),
        chain((1, 4, 3, 1), ("Pad", o.PadOptions(top=1), (1, 4, 5, 1))),
        chain((1, 4, 3, 1), ("Flatten", o.FlattenOptions(), (1, 12, 1, 1))),
        chain((1, 4, 3, 1), ("Transpose", o.TransposeOptions(), (1, 3, 1, 4))),
    ],
    ids=lambda graph: str(graph.ops[0]),
)
def test_what_only_looks_like_an_identity_stays(graph: Graph) -> None:
    before = kinds(graph)
    apply(SIMPLIFY, graph)
    assert kinds(graph) == before


def turned(shape: Shape) -> Step:
    return "Transpose", o.TransposeOptions(), shape


@pytest.mark.parametrize(("grid", "after"), [((1, 6, 1, 8), []), ((1, 6, 2, 4), ["Unary"])])
def test_two_transposes_cancel(grid: Shape, after: list[str]) -> None:
    """On rows of tokens nothing is left; of a grid, its new name as a row."""
    graph = chain(grid, turned((1, 8, 1, 6)), turned((1, 6, 1, 8)))
    apply(SIMPLIFY, graph)
    apply(DEAD_CODE, graph)
    assert kinds(graph) == after


def test_a_transpose_that_others_read_stays_for_them() -> None:
    graph = chain((1, 6, 1, 8), turned((1, 8, 1, 6)), turned((1, 6, 1, 8)))
    graph.outputs.append(Port("turned", graph.ops[0].output, (1, 8, 1, 6)))
    apply(SIMPLIFY, graph)
    apply(DEAD_CODE, graph)
    assert kinds(graph) == ["Transpose"]
    assert graph.outputs[0].value is graph.inputs[0].value


def test_dead_code_goes_and_nothing_else() -> None:
    """A chain that no output needs, from its end back to what another operator reads."""
    graph = chain(GRID, ("Unary", o.UnaryOptions(), GRID), ("Unary", o.UnaryOptions(), GRID))
    graph.ops[0].activation, graph.ops[1].activation = Activation("relu"), Activation("tanh")
    first = graph.ops[0]
    for i in range(2):
        source = first.output if i == 0 else graph.ops[-1].output
        dead = Value(f"dead{i}", planes(*GRID))
        graph.ops.append(Op("Unary", f"dead{i}", [source], dead, o.UnaryOptions(), Activation("sigmoid")))
    kept = graph.ops[:2]
    outcome = DEAD_CODE.run(copy.copy(graph), CORE)
    assert outcome.sentence == "2 operators that no output needs removed"
    assert apply(DEAD_CODE, graph)
    assert graph.ops == kept
    graph.outputs[0] = Port("y", first.output, first.output.shape)  # now the second one is dead too
    assert apply(DEAD_CODE, graph)
    assert graph.ops == kept[:1]


def test_optimise_reports_and_reaches_a_fixed_point() -> None:
    block = nn.Sequential(conv, nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.BatchNorm2d(4))
    graph = lowered(Fn(lambda m, x: F.relu(x + m(x)), block))
    report = optimise(graph, CORE)
    assert kinds(graph) == ["Conv", "Conv"]
    assert [str(op.activation) for op in graph.ops] == ["relu", "relu"]
    assert any("2 scales" in line for line in report)
    assert any("1 residual addition " in line for line in report)
    assert not any(step.run(graph, CORE).modified for step in GRAPH_PASSES)
