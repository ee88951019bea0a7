"""The operators on row-major tensors: type rules, and definitions against plain loops or PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from secateur.ir import OPERATORS, DType, Layout, Op, TensorType, Value, row_major
from secateur.ir import options as o
from secateur.ir.operator import TypeRuleError
from secateur.ir.reference import run_op
from secateur.verify.bounds import agree, bound


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape)


def make(kind: str, options: o.Options, out: TensorType, *inputs: TensorType) -> Op:
    values = [Value(f"x{i}", t) for i, t in enumerate(inputs)]
    assert OPERATORS[kind].rule(list(inputs), options, out) == out
    return Op(kind, kind, values, Value("y", out), options)


def test_permute_between_any_two_layouts() -> None:
    """Window partition of planes: element by element."""
    x = normal(2, 3, 4, 6)
    options = o.PermuteOptions((2, 3, 2, 2, 3, 2), (0, 2, 4, 3, 5, 1))
    op = make("Permute", options, row_major(12, 4, 3), TensorType(x.shape))
    got = run_op(op, [x])
    want = np.empty((12, 4, 3))
    for b, c, h, w in itertools.product(range(2), range(3), range(4), range(6)):
        want[(b * 2 + h // 2) * 3 + w // 2, h % 2 * 2 + w % 2, c] = x[b, c, h, w]
    np.testing.assert_array_equal(got, want)
    back = make(
        "Permute",
        o.PermuteOptions((2, 2, 3, 2, 2, 3), (0, 5, 1, 3, 2, 4)),
        TensorType(x.shape),
        op.output.type,
    )
    np.testing.assert_array_equal(run_op(back, [got]), x)
    ids = np.arange(6).reshape(2, 3)
    op = make(
        "Permute",
        o.PermuteOptions((2, 3), (1, 0)),
        row_major(6, dtype=DType.I64),
        row_major(2, 3, dtype=DType.I64),
    )
    assert run_op(op, [ids]).tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_matmul_broadcasts(transpose_a: bool, transpose_b: bool) -> None:
    a, b = normal(2, 1, 3, 4), normal(5, 4, 6)
    stored_a, stored_b = (x.swapaxes(-1, -2) if t else x for x, t in ((a, transpose_a), (b, transpose_b)))
    types = [row_major(*x.shape) for x in (stored_a, stored_b)]
    op = make("MatMul", o.MatMulOptions(transpose_a, transpose_b), row_major(2, 5, 3, 6), *types)
    want = (torch.from_numpy(a) @ torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(run_op(op, [stored_a, stored_b]), want, atol=1e-12)
    single = run_op(op, [x.astype(np.float32) for x in (stored_a, stored_b)])
    exact = [x.astype(np.float32).astype(np.float64) for x in (stored_a, stored_b)]
    assert agree(single, run_op(op, exact), bound(op, exact, run_op(op, exact)))
    assert OPERATORS["MatMul"].macs(op) == 2 * 5 * 3 * 6 * 4


@pytest.mark.parametrize("kind", ["sum", "mean", "max", "min"])
def test_reduce(kind: str) -> None:
    x = normal(2, 3, 4)
    op = make("Reduce", o.ReduceOptions(kind, (0, 2)), row_major(1, 3, 1), row_major(2, 3, 4))
    want = [getattr(np, kind)(np.concatenate([x[0, c], x[1, c]])) for c in range(3)]
    np.testing.assert_allclose(run_op(op, [x]).reshape(-1), want, atol=1e-12)
    assert OPERATORS["Reduce"].terms(op) == 8


def test_binary_broadcasts_both_ways() -> None:
    x, y = normal(2, 1, 4), normal(3, 1)
    op = make(
        "Binary", o.BinaryOptions("sub", None, True), row_major(2, 3, 4), row_major(2, 1, 4), row_major(3, 1)
    )
    np.testing.assert_array_equal(run_op(op, [x, y]), y - x)
    constant = np.arange(3, dtype=np.float32).reshape(3, 1)
    op = make("Binary", o.BinaryOptions("mul", constant), row_major(2, 3, 4), row_major(2, 1, 4))
    np.testing.assert_array_equal(run_op(op, [x]), x * constant)


def test_softmax_takes_the_last_dimension() -> None:
    x = normal(2, 3, 4)
    op = make("Softmax", o.SoftmaxOptions(), row_major(2, 3, 4), row_major(2, 3, 4))
    np.testing.assert_allclose(run_op(op, [x]), torch.from_numpy(x).softmax(-1).numpy(), atol=1e-12)
    assert OPERATORS["Softmax"].terms(op) == 4


def test_parts() -> None:
    x = normal(4, 5)
    op = make("StridedSlice", o.StridedSliceOptions((1, 0), (2, 3)), row_major(2, 2), row_major(4, 5))
    np.testing.assert_array_equal(run_op(op, [x]), x[1::2, ::3])
    op = make("Stack", o.StackOptions(1), row_major(4, 7), row_major(4, 5), row_major(4, 2))
    np.testing.assert_array_equal(run_op(op, [x, x[:, :2]]), np.hstack([x, x[:, :2]]))
    op = make("Enlarge", o.EnlargeOptions((1, 0), 0.5), row_major(6, 5), row_major(4, 5))
    np.testing.assert_array_equal(run_op(op, [x]), np.pad(x, ((1, 1), (0, 0)), constant_values=0.5))
    op = make("Reshape", o.ReshapeOptions(), row_major(2, 10), row_major(4, 5))
    np.testing.assert_array_equal(run_op(op, [x]), x.reshape(2, 10))


@pytest.mark.parametrize("descending", [False, True])
def test_sort_gives_places(descending: bool) -> None:
    x = np.round(normal(3, 9))  # some are equal
    op = make("Sort", o.SortOptions(descending), row_major(3, 4), row_major(3, 9))
    want = torch.sort(torch.from_numpy(x), stable=True, descending=descending).indices[:, :4]
    np.testing.assert_array_equal(run_op(op, [x]), want.numpy())


def test_gather_takes_places_from_the_end_and_none_outside() -> None:
    x, places = normal(4, 5), np.array([[0.0, 4, -1, -5, 5, -6]])
    op = make("Gather", o.GatherOptions(1), row_major(4, 6), row_major(4, 5), row_major(1, 6))
    np.testing.assert_array_equal(run_op(op, [x, places]), x[:, [0, 4, 4, 0, 0, 0]])
    each = np.array([[0.0, 3, 1, 2, 0], [1, 1, 1, 1, 1]])
    op = make("Gather", o.GatherOptions(0), row_major(2, 5), row_major(4, 5), row_major(2, 5))
    want = torch.gather(torch.from_numpy(x), 0, torch.from_numpy(each).long()).numpy()
    np.testing.assert_array_equal(run_op(op, [x, each]), want)


@pytest.mark.parametrize(
    ("kind", "options", "out", "inputs", "message"),
    [
        ("Permute", o.PermuteOptions((2, 4), (0, 1)), (8,), [(3, 3)], "cannot be viewed"),
        ("Permute", o.PermuteOptions((2, 4), (0, 0)), (8,), [(8,)], "no order"),
        ("Permute", o.PermuteOptions((2, 4), (1, 0)), (9,), [(8,)], "another number"),
        ("Reshape", o.ReshapeOptions(), (3,), [(2, 2)], "another number"),
        ("MatMul", o.MatMulOptions(), (3, 5), [(3, 4), (5, 4)], "4 columns and b 5 rows"),
        ("MatMul", o.MatMulOptions(), (3, 5), [(2, 3, 4), (3, 4, 5)], "do not broadcast"),
        ("Reduce", o.ReduceOptions("sum", ()), (3,), [(3,)], "are not dimensions"),
        ("Reduce", o.ReduceOptions("sum", (1,)), (3,), [(3,)], "are not dimensions"),
        ("Reduce", o.ReduceOptions("product", (0,)), (1,), [(3,)], "no reduction"),
        ("Binary", o.BinaryOptions("add"), (2, 3), [(2,), (3,)], "do not broadcast"),
        ("StridedSlice", o.StridedSliceOptions((2,), (2,)), (2,), [(4,)], "reaches"),
        ("StridedSlice", o.StridedSliceOptions((2,), (1, 1)), (2,), [(4,)], "one beginning"),
        ("Stack", o.StackOptions(0), (4, 3), [(2, 3), (2, 2)], "only one dimension"),
        ("Enlarge", o.EnlargeOptions((2,), 0.0), (4,), [(3,)], "the data reach"),
        ("Sort", o.SortOptions(), (2, 5), [(2, 4)], "of the places of"),
        ("Gather", o.GatherOptions(2), (2, 4), [(2, 4), (2, 4)], "along dimension 2"),
        ("Gather", o.GatherOptions(1), (2, 4), [(2, 4), (3, 4)], "do not broadcast"),
    ],
)
def test_rules_refuse(
    kind: str, options: o.Options, out: tuple[int, ...], inputs: list[tuple[int, ...]], message: str
) -> None:
    with pytest.raises(TypeRuleError, match=message):
        OPERATORS[kind].rule([row_major(*shape) for shape in inputs], options, row_major(*out))


def test_only_permute_changes_the_layout() -> None:
    x = row_major(1, 2, 3, 4)
    for kind, options in (
        ("Softmax", o.SoftmaxOptions()),
        ("Reshape", o.ReshapeOptions()),
        ("Unary", o.UnaryOptions()),
    ):
        assert OPERATORS[kind].rule([x], options, x).layout is Layout.ROW_MAJOR
