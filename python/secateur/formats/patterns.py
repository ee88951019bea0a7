"""Which structure the zeros of a matrix have, read from the zeros alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from secateur.formats.base import Matrix
from secateur.formats.bsr import tile

# Blocks that the runtime has kernels for, rows x columns; wider first.
BLOCKS = ((8, 1), (4, 1), (2, 1), (1, 4), (4, 4))
# Blocks of i8 weights, four input channels of a tap wide.
I8_BLOCKS = ((1, 4), (2, 4), (4, 4))
# Patterns N:M looked for: sparsest first, the stricter of equals first (1:4 is 2:8 too).
NM_PATTERNS = ((1, 8), (1, 4), (2, 8), (1, 2), (2, 4))


@dataclass(frozen=True)
class Pattern:
    """Blocks of one size: how many are kept, and what share of their values are zeros."""

    block_rows: int
    block_cols: int
    blocks: int
    explicit_zeros: float


def block_patterns(weight: Matrix, blocks: Sequence[tuple[int, int]] = BLOCKS) -> list[Pattern]:
    """For every block size (those that fit the matrix), how well its blocks explain the zeros.

    >>> w = np.zeros((8, 6), np.float32); w[:4, 1] = 1; w[4:, 3] = 2
    >>> [(p.block_rows, p.blocks, p.explicit_zeros) for p in block_patterns(w) if p.block_cols == 1]
    [(8, 2, 0.5), (4, 2, 0.0), (2, 4, 0.0)]
    """
    nnz = int(np.count_nonzero(weight))
    found = []
    for rows, cols in blocks:
        if nnz == 0 or rows > weight.shape[0] or cols > weight.shape[1]:
            continue
        kept = int(tile(weight, rows, cols).any(axis=(2, 3)).sum())
        found.append(Pattern(rows, cols, kept, 1 - nnz / (kept * rows * cols)))
    return found


def detect_nm(weight: Matrix) -> tuple[int, int] | None:
    """The sparsest N:M pattern that the matrix obeys exactly and fills for the most part, or None.

    A matrix that is sparser than its pattern by more than a third is irregular: CSR holds it in less.

    >>> w = np.tile(np.array([[1, 2, 0, 0]], np.float32), (3, 4))
    >>> detect_nm(w)
    (2, 4)
    """
    rows, cols = weight.shape
    nnz = np.count_nonzero(weight)
    for n, m in NM_PATTERNS:
        if cols % m or nnz == 0:
            continue
        most = np.count_nonzero(weight.reshape(rows, cols // m, m), axis=2).max()
        if most <= n and nnz >= 2 / 3 * (rows * cols * n / m):
            return n, m
    return None
