"""Einsum against NumPy's, of computed and constant operands."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_nets import check, network, node, random

from secateur.errors import UnsupportedOperatorError

# equation: (shapes of what is computed, shapes of constants behind)
CASES: dict[str, tuple[list[tuple[int, ...]], list[tuple[int, ...]]]] = {
    "bhqd,bhkd->bhqk": ([(1, 2, 3, 4), (1, 2, 5, 4)], []),
    "bij, bjk -> bik": ([(2, 3, 4), (2, 4, 5)], []),
    "bth,ho->bto": ([(1, 5, 4)], [(4, 3)]),
    "bthd,hdo->bto": ([(1, 5, 2, 3)], [(2, 3, 4)]),
    "btc,chd->bhtd": ([(1, 5, 6)], [(6, 2, 3)]),
    "nctv,vw->nctw": ([(1, 2, 3, 4)], [(4, 4)]),
    "bi,bj->bij": ([(2, 3), (2, 4)], []),
    "bi,bi->b": ([(2, 3), (2, 3)], []),
    "ij->ji": ([(3, 4)], []),
    "bij->bi": ([(1, 3, 4)], []),
    "ij,j": ([(3, 4)], [(4,)]),
    "...ij,...jk->...ik": ([(2, 1, 3, 4), (3, 4, 2)], []),
    "ab,bc,cd->ad": ([(2, 3)], [(3, 4), (4, 5)]),
    "bk,nk->bn": ([(2, 3)], [(1, 3)]),
}


@pytest.mark.parametrize("equation", CASES)
def test_equation(equation: str) -> None:
    computed, constants = CASES[equation]
    feeds = {f"x{i}": random(*size, seed=i) for i, size in enumerate(computed)}
    fixed = {f"c{i}": random(*size, seed=9 + i) for i, size in enumerate(constants)}
    model = network(
        [node("Einsum", " ".join([*feeds, *fixed]), equation=equation)],
        {name: x.shape for name, x in feeds.items()},
        ["y"],
        fixed,
    )
    check(model, feeds)


def test_attention_by_equations_is_one_operator() -> None:
    nodes = [
        *(node("Einsum", f"x w{i}", name, equation="btc,chd->bhtd") for i, name in enumerate("qkv")),
        node("Einsum", "q k", "s", equation="bhid,bhjd->bhij"),
        node("Softmax", "s", "p", axis=-1),
        node("Einsum", "p v", "z", equation="bhij,bhjd->bhid"),
        node("Einsum", "z o", "y", equation="bhtd,hdc->btc"),
    ]
    weights = {f"w{i}": random(8, 2, 4, seed=i) for i in range(3)} | {"o": random(2, 4, 8, seed=3)}
    program = check(network(nodes, {"x": (1, 5, 8)}, ["y"], weights), {"x": random(1, 5, 8)}, 1e-4)
    assert "Attention" in {layer.op for layer in program.layers}


@pytest.mark.parametrize(
    ("equation", "sentence"),
    [("ii->i", "a diagonal"), ("ij,jk->ik", "of 1 operands"), ("ijk", "2 dimensions")],
)
def test_refused(equation: str, sentence: str) -> None:
    model = network([node("Einsum", "x", equation=equation)], {"x": (3, 3)}, ["y"])
    with pytest.raises(UnsupportedOperatorError, match=sentence):
        check(model, {"x": np.ones((3, 3), np.float32)})
