"""What `secateur doctor` finds, on layers and times made up to have it, and on a compiled network."""

from __future__ import annotations

from typing import Any

import pytest

from secateur.bench.diagnose import break_even, diagnose, sparse_share
from secateur.passes.cost_model import A72, X86


def layer(name: str, op: str = "Conv", **fields: Any) -> dict[str, Any]:
    row = {
        "name": name,
        "op": op,
        "kernel": "spmm",
        "dtype": "f32",
        "weight_bits": 32,
        "format": "dense",
        "output_shape": (1, 64, 14, 14),
        "rows": 64,
        "cols": 64,
        "sparsity": 0.0,
    }
    row |= fields
    row.setdefault("nnz", round(row["rows"] * row["cols"] * (1 - row["sparsity"])))
    return row


def plain(name: str, op: str) -> dict[str, Any]:
    return layer(name, op, rows=0, cols=0, format="", weight_bits=0)


def times(*ns: int) -> list[dict[str, Any]]:
    return [{"median_ns": n} for n in ns]


def kinds(layers: list[dict[str, Any]], *ns: int) -> dict[str, list[str]]:
    return {finding.kind: finding.layers for finding in diagnose(layers, times(*ns), A72)}


def test_a_dense_network_lost_its_masks() -> None:
    found = diagnose([layer("a"), layer("b")], times(100, 300), A72)
    assert [f.kind for f in found] == ["no_zeros", "dense"]
    assert found[1].layers == ["b", "a"]
    # A72: dense 0.90, blocks of 4 rows 0.90 of peak: a fifth of the weights takes a fifth of the time
    assert found[1].gain_ns == pytest.approx(400 * 0.8, rel=0.01)
    assert found[1].ns == 400


def test_zeros_that_save_nothing() -> None:
    assert kinds([layer("a", sparsity=0.2), layer("b", format="csr", sparsity=0.9)], 10, 10) == {
        "unused_zeros": ["a"]
    }


def test_sparse_layers_are_as_they_should_be() -> None:
    assert (
        kinds([layer("a", format="csr", sparsity=0.9), layer("b", format="bsr", sparsity=0.8)], 10, 10) == {}
    )


def test_one_position_is_bound_by_memory() -> None:
    one = layer("fc", output_shape=(1, 64, 1, 1))
    assert kinds([one, layer("a", format="csr", sparsity=0.9)], 10, 10) == {"memory": ["fc"]}
    # 0.2 of the weights at 3 times the cost each
    assert sparse_share(one, A72, 0.8) == pytest.approx(0.6, rel=0.01)


def test_moves_depthwise_and_islands() -> None:
    sparse = layer("s", format="csr", sparsity=0.9)
    assert kinds([sparse, plain("p", "Permute"), plain("d", "Depthwise")], 10, 10, 20) == {
        "depthwise": ["d"],
        "moves": ["p"],
    }
    codes = {"dtype": "i8", "weight_bits": 8, "format": "csr", "sparsity": 0.9}
    inside = [
        plain("in", "Convert"),
        layer("q", **codes),
        plain("back", "Convert"),
        plain("softmax", "Softmax"),
    ]
    found = kinds(
        [*inside, plain("again", "Convert"), layer("r", **codes), plain("out", "Convert")], *[10] * 7
    )
    assert found == {"f32_islands": ["back", "softmax", "again"]}


def test_what_takes_no_time_is_left_out() -> None:
    assert kinds([layer("s", format="csr", sparsity=0.9), plain("p", "Permute")], 1000, 9) == {}


def test_gain_comes_first() -> None:
    found = diagnose(
        [plain("d", "Depthwise"), layer("a", sparsity=0.1), layer("b", output_shape=(1, 64, 1, 1))],
        times(900, 500, 50),
        X86,
    )
    # X86 at one position: 0.2 of the weights at 4.4 times the cost is 0.88, 0.97 with the margin
    assert [f.kind for f in found] == ["unused_zeros", "memory", "depthwise"]
    assert found[1].gain_ns == pytest.approx(50 * (1 - 1.1 * 0.2 * 4.4), rel=0.02)
    assert [f.gain_ns for f in found] == sorted((f.gain_ns for f in found), reverse=True)


@pytest.mark.parametrize("rows", [1, 4])
def test_break_even_is_where_the_costs_meet(rows: int) -> None:
    """Of dense over MARGIN times sparse, on either side of it."""
    zeros = break_even(X86, rows)
    sparse = (1 - zeros) / X86.block[rows]
    assert sparse * 1.10 == pytest.approx(1 / X86.dense)


def test_the_panel_is_paid_sparse_or_dense() -> None:
    row = layer("k", kernel="spmm/neon dense 4x24 panel", rows=16, cols=27)
    assert sparse_share(row, A72, 0.8) > sparse_share(layer("k", rows=16, cols=27), A72, 0.8)
