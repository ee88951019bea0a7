"""Determinants of small matrices."""

from __future__ import annotations

from secateur.lowering import pairs, select
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported

LARGEST = 4  # n! / 2 products by minors; larger ones want elimination with a choice of pivots


def determinant(b: Builder, x: Tensor) -> Tensor:
    """Of the matrices in the last two dims, by minors along the first row, each made once."""
    n = x.shape[-1]
    if x.rank < 2 or x.shape[-2] != n:
        raise Unsupported("a determinant of what is not square")
    if n > LARGEST:
        raise Unsupported(f"a determinant of {n} by {n}: those up to {LARGEST} by {LARGEST} are")
    rows = [select.pick(b, x, -2, i) for i in range(n)]
    entries = [[select.pick(b, row, -1, j) for j in range(n)] for row in rows]
    minors: dict[tuple[int, ...], Tensor] = {(j,): entries[-1][j] for j in range(n)}
    for size in range(2, n + 1):
        minors = _larger(b, entries[n - size], minors)
    return minors[tuple(range(n))]


def _larger(
    b: Builder, row: list[Tensor], minors: dict[tuple[int, ...], Tensor]
) -> dict[tuple[int, ...], Tensor]:
    """The minors of one row more, by their columns."""
    n = len(row)
    found: dict[tuple[int, ...], Tensor] = {}
    for columns in ((*small, j) for small in minors for j in range(small[-1] + 1, n)):
        for place, j in enumerate(columns):
            rest = columns[:place] + columns[place + 1 :]
            term = pairs.arithmetic(b, row[j], minors[rest], "mul")
            sign = "sub" if place % 2 else "add"
            found[columns] = pairs.arithmetic(b, found[columns], term, sign) if place else term
    return found
