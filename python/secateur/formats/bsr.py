"""BSR: CSR over a grid of small blocks; a block is kept whole when any of it is nonzero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secateur.errors import WeightError
from secateur.formats.base import (
    Integers,
    Matrix,
    StoredWeight,
    check_compressed,
    check_matrix,
    encode_counts,
    encode_gaps,
)


def tile(weight: Matrix, block_rows: int, block_cols: int) -> Matrix:
    """``[grid_rows, grid_cols, block_rows, block_cols]``, zero where a block overhangs the matrix."""
    rows, cols = weight.shape
    grid_rows, grid_cols = -(-rows // block_rows), -(-cols // block_cols)
    padded = np.zeros((grid_rows * block_rows, grid_cols * block_cols), weight.dtype)
    padded[:rows, :cols] = weight
    tiles = padded.reshape(grid_rows, block_rows, grid_cols, block_cols)
    return np.asarray(tiles.transpose(0, 2, 1, 3))


@dataclass(frozen=True)
class BSR:
    """``indptr [grid_rows + 1], indices [blocks], values [blocks, block_rows, block_cols]``.

    >>> w = np.zeros((4, 4), np.float32); w[:, 2] = 1
    >>> bsr = BSR.from_dense(w, 4, 1)
    >>> bsr.indices.tolist(), bsr.values.shape
    ([2], (1, 4, 1))
    """

    rows: int
    cols: int
    block_rows: int
    block_cols: int
    indptr: Integers
    indices: Integers
    values: Matrix

    def __post_init__(self) -> None:
        if self.block_rows < 1 or self.block_cols < 1:
            raise WeightError(f"BSR: a block of {self.block_rows}x{self.block_cols}")
        grid = -(-self.rows // self.block_rows), -(-self.cols // self.block_cols)
        check_compressed(self.indptr, self.indices, *grid, "BSR")
        if self.values.shape != (len(self.indices), self.block_rows, self.block_cols):
            raise WeightError("BSR: values are not [blocks, block_rows, block_cols]")

    @classmethod
    def from_dense(cls, weight: Matrix, block_rows: int, block_cols: int) -> BSR:
        check_matrix(weight)
        blocks = tile(weight, block_rows, block_cols)
        row, col = np.nonzero(blocks.any(axis=(2, 3)))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=blocks.shape[0]))]).astype(
            np.int64
        )
        values = np.ascontiguousarray(blocks[row, col])
        rows, cols = weight.shape
        return cls(rows, cols, block_rows, block_cols, indptr, col.astype(np.int64), values)

    def to_dense(self) -> Matrix:
        grid = -(-self.rows // self.block_rows), -(-self.cols // self.block_cols)
        blocks = np.zeros((*grid, self.block_rows, self.block_cols), self.values.dtype)
        blocks[np.repeat(np.arange(grid[0]), np.diff(self.indptr)), self.indices] = self.values
        whole = blocks.transpose(0, 2, 1, 3).reshape(grid[0] * self.block_rows, grid[1] * self.block_cols)
        return np.ascontiguousarray(whole[: self.rows, : self.cols])

    def stored(self) -> StoredWeight:
        return StoredWeight(
            "bsr",
            self.rows,
            self.cols,
            int(np.count_nonzero(self.values)),
            self.values,
            encode_gaps(self.indptr, self.indices),
            encode_counts(self.indptr),
            self.block_rows,
            self.block_cols,
        )
