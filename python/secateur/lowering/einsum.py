"""Sums over products by an equation of letters: pair by pair a matrix product, or one that broadcasts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from secateur.lowering import binary, linear, rows, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Unsupported

_ANY = "αβγδεζηθ"  # what an ellipsis stands for, the last dimension last


def parse(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; an ellipsis as letters of its own.

    >>> parse("i...,...j -> ...ij", [2, 3])
    (['iθ', 'ηθj'], 'ηθij')
    >>> parse("ba,b", [2, 1])
    (['ba', 'b'], 'a')
    """
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks) or not re.fullmatch(r"[A-Za-z.,]*(->[A-Za-z.]*)?", text):
        raise Unsupported(f"the equation {equation!r} of {len(ranks)} operands")
    most = 0
    for i, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        count = rank - len(term.replace("...", ""))
        if count < 0 or (count and "..." not in term) or count > len(_ANY):
            raise Unsupported(f"the equation {equation!r} of an operand of {rank} dimensions")
        most = max(most, count)
        terms[i] = term.replace("...", _ANY[len(_ANY) - count :])
    every = _ANY[len(_ANY) - most :]
    if not arrow:
        joined = "".join(terms)
        right = every + "".join(sorted(c for c in set(joined) - set(_ANY) if joined.count(c) == 1))
    return terms, right.replace("...", every)


def einsum(b: Builder, equation: str, operands: Sequence[Any]) -> Any:
    """The sum over all letters that the result has not; each operand computed or constant, one computed."""
    terms, out = parse(equation, [len(x.shape) for x in operands])
    if any(len(set(term)) < len(term) for term in [*terms, out]):
        raise Unsupported(f"a diagonal, as in the equation {equation!r}")
    sizes: dict[str, int] = {}
    for x, term in zip(operands, terms, strict=True):
        for letter, size in zip(term, x.shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    left, letters = _without_ones(b, operands[0], terms[0], sizes)
    for i in range(1, len(operands)):
        right, others = _without_ones(b, operands[i], terms[i], sizes)
        left, letters = _pair(b, left, letters, right, others, set(out).union(*terms[i + 1 :]))
    left, letters = _summed(b, left, letters, set(out))
    lacking = [c for c in out if c not in letters]  # of size 1, or it would be in an operand
    left = _reshaped(b, left, [1] * len(lacking) + list(left.shape)) if lacking else left
    return _ordered(b, left, "".join(lacking) + letters, out)


def _without_ones(b: Builder, x: Any, letters: str, sizes: dict[str, int]) -> tuple[Any, str]:
    """Without the dimensions of size 1 that broadcast."""
    kept = [d for d, c in enumerate(letters) if x.shape[d] == sizes[c]]
    if len(kept) == len(letters):
        return x, letters
    return _reshaped(b, x, [x.shape[d] for d in kept]), "".join(letters[d] for d in kept)


def _pair(b: Builder, x: Any, of_x: str, y: Any, of_y: str, kept: set[str]) -> tuple[Any, str]:
    """The product of two operands, summed over what nobody reads later."""
    x, of_x = _summed(b, x, of_x, kept | set(of_y))
    y, of_y = _summed(b, y, of_y, kept | set(of_x))
    both = "".join(c for c in of_x if c in of_y and c in kept)
    inner = "".join(c for c in of_x if c in of_y and c not in kept)
    left = "".join(c for c in of_x if c not in of_y)
    right = "".join(c for c in of_y if c not in of_x)
    lead = [x.shape[of_x.index(c)] for c in both]
    rows_of = [x.shape[of_x.index(c)] for c in left]
    columns = [y.shape[of_y.index(c)] for c in right]
    x, y = _ordered(b, x, of_x, both + left + inner), _ordered(b, y, of_y, both + inner + right)
    if not inner:
        x = _reshaped(b, x, [*lead, *rows_of, *[1] * len(right)])
        y = _reshaped(b, y, [*lead, *[1] * len(left), *columns])
        known = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
        return (x * y if known else binary.combine(b, x, y, "mul")), both + left + right
    if len(left) != 1 or len(inner) != 1:
        x = _reshaped(b, x, [*lead, int(np.prod(rows_of)), -1])
    if len(right) != 1 or len(inner) != 1:
        y = _reshaped(b, y, [*lead, x.shape[-1], int(np.prod(columns))])
    known = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
    z = x @ y if known else linear.matmul(b, x, y)
    if len(left) != 1 or len(right) != 1:
        z = _reshaped(b, z, [*lead, *rows_of, *columns])
    return z, both + left + right


def _summed(b: Builder, x: Any, letters: str, kept: set[str]) -> tuple[Any, str]:
    gone = [d for d, c in enumerate(letters) if c not in kept]
    if not gone:
        return x, letters
    rest = "".join(c for c in letters if c in kept)
    if isinstance(x, np.ndarray):
        return x.sum(tuple(gone)), rest
    return reduce(b, _tensor(b, x), gone, False, "sum"), rest


def _ordered(b: Builder, x: Any, letters: str, order: str) -> Any:
    if letters == order:
        return x
    places = [letters.index(c) for c in order]
    return x.transpose(places) if isinstance(x, np.ndarray) else shape.permute(_tensor(b, x), places)


def _reshaped(b: Builder, x: Any, size: list[int]) -> Any:
    return x.reshape(size) if isinstance(x, np.ndarray) else shape.reshape(b, x, size)


def _tensor(b: Builder, x: Tensor | Scores) -> Tensor:
    return rows.materialise(b, x) if isinstance(x, Scores) else x
