"""Permutations one behind the other: the same elements in the same places, moved once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from secateur.ir import Graph, Op, Port, TensorType, Value, planes, row_major, verify
from secateur.ir import options as o
from secateur.ir.permutation import composed, possible, simplified
from secateur.ir.reference import run_graph
from secateur.passes import core_for
from secateur.passes.merge_permutations import MERGE_PERMUTATIONS

Step = tuple[str, o.Options, TensorType]


def chain(x: TensorType, *steps: Step, keep: int | None = None) -> Graph:
    """Operators one behind the other; `keep` is a step whose value is an output too."""
    value = first = Value("x", x)
    ops, ports = [], []
    for i, (kind, options, type) in enumerate(steps):
        out = Value(f"y{i}", type)
        ops.append(Op(kind, f"y{i}", [value], out, options))
        value = out
        if i in (keep, len(steps) - 1):
            ports.append(Port(out.name, out, out.shape))
    graph = Graph("g", [Port("x", first, first.shape)], ports, ops)
    verify(graph)
    return graph


def after(graph: Graph) -> list[str]:
    """The kinds that are left, the result unchanged."""
    x = np.arange(np.prod(graph.inputs[0].shape)).reshape(graph.inputs[0].shape).astype(np.float64)
    before, _ = run_graph(graph, [x])
    outcome = MERGE_PERMUTATIONS.run(graph, core_for("x86-64"))
    verify(graph)
    for y, want in zip(run_graph(graph, [x])[0], before, strict=True):
        np.testing.assert_array_equal(y, want)
    assert not MERGE_PERMUTATIONS.run(graph, core_for("x86-64")).modified
    assert outcome.modified or not outcome.sentence
    needed = {port.value for port in graph.outputs}
    for op in reversed(graph.ops):
        needed |= set(op.inputs) if op.output in needed else set()
    return [op.kind for op in graph.ops if op.output in needed]


def permute(shape: tuple[int, ...], order: tuple[int, ...], out: TensorType) -> Step:
    return "Permute", o.PermuteOptions(shape, order), out


IMAGE = planes(2, 6, 4, 5)


def test_a_permutation_and_its_inverse() -> None:
    to_rows = permute((2, 6, 20), (0, 2, 1), row_major(2, 4, 5, 6))
    back = permute((2, 20, 6), (0, 2, 1), IMAGE)
    assert after(chain(IMAGE, to_rows, back)) == ["Unary"]
    assert after(chain(IMAGE, to_rows, back, keep=0)) == ["Permute", "Unary"]


def test_two_become_one() -> None:
    windows = permute((2, 6, 2, 2, 5), (0, 2, 1, 3, 4), planes(4, 6, 2, 5))
    turned = permute((4, 6, 10), (0, 2, 1), row_major(4, 10, 6))
    assert after(chain(IMAGE, windows, turned)) == ["Permute"]


@pytest.mark.parametrize("kind", ["Transpose", "Flatten", "Reshape", "Unary"])
def test_what_moves_beside_a_permutation(kind: str) -> None:
    options = {"Transpose": o.TransposeOptions, "Flatten": o.FlattenOptions}
    options |= {"Reshape": o.ReshapeOptions, "Unary": o.UnaryOptions}
    between = {
        "Transpose": planes(2, 20, 1, 6),
        "Flatten": planes(2, 120, 1, 1),
        "Reshape": row_major(12, 20),
        "Unary": planes(2, 6, 1, 20),
    }
    first = row_major(2, 6, 20) if kind == "Reshape" else IMAGE
    swapped = permute((240,), (0,), first)
    then = (kind, options[kind](), between[kind])
    last = permute((2, 120), (1, 0), row_major(120, 2))
    start = row_major(240)
    assert after(chain(start, swapped, then)) == (["Reshape"] if kind == "Reshape" else ["Permute"])
    assert after(chain(first, then, last))[-1] == "Permute"


def test_what_computes_stays_between() -> None:
    graph = chain(
        IMAGE,
        permute((2, 6, 20), (0, 2, 1), row_major(2, 20, 6)),
        ("Softmax", o.SoftmaxOptions(), row_major(2, 20, 6)),
        permute((2, 20, 6), (0, 2, 1), IMAGE),
    )
    assert after(graph) == ["Permute", "Softmax", "Permute"]


def test_dimensions_that_do_not_fit_stay_apart() -> None:
    first = permute((2, 3), (1, 0), row_major(3, 2))
    second = permute((2, 3), (1, 0), row_major(3, 2))
    assert after(chain(row_major(2, 3), first, second)) == ["Permute", "Permute"]


def test_composition_of_every_two_orders() -> None:
    shape = (2, 3, 4)
    x = np.arange(24)
    for first, second in itertools.product(itertools.permutations(range(3)), repeat=2):
        moved = tuple(shape[d] for d in first)
        both = composed((shape, first), (moved, second))
        assert both is not None
        want = x.reshape(shape).transpose(first).transpose(second).reshape(-1)
        np.testing.assert_array_equal(x.reshape(both[0]).transpose(both[1]).reshape(-1), want)
        assert len(both[0]) <= 3
        assert 1 not in both[0]
    assert simplified((1, 1), (1, 0)) == ((1,), (0,))


def test_axes_that_a_permutation_may_cut() -> None:
    swap = ((3, 4), (1, 0))
    assert possible(row_major(12), swap, row_major(12))
    assert possible(planes(1, 3, 2, 2), swap, planes(1, 2, 2, 3))
    assert not possible(planes(1, 2, 2, 3), swap, row_major(12))
    assert not possible(row_major(12), swap, planes(1, 3, 2, 2))
