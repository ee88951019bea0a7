"""CSR: the nonzeros of each row and their columns."""

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


@dataclass(frozen=True)
class CSR:
    """``indptr [rows + 1], indices [nnz], values [nnz]``; indices increase within a row.

    >>> w = np.array([[0, 3, 0], [0, 0, 0], [5, 0, 7]], np.float32)
    >>> csr = CSR.from_dense(w)
    >>> csr.indptr.tolist(), csr.indices.tolist(), csr.values.tolist()
    ([0, 1, 1, 3], [1, 0, 2], [3.0, 5.0, 7.0])
    """

    rows: int
    cols: int
    indptr: Integers
    indices: Integers
    values: Matrix

    def __post_init__(self) -> None:
        check_compressed(self.indptr, self.indices, self.rows, self.cols, "CSR")
        if self.values.shape != self.indices.shape:
            raise WeightError("CSR: values and indices differ in length")

    @classmethod
    def from_dense(cls, weight: Matrix) -> CSR:
        check_matrix(weight)
        row, col = np.nonzero(weight)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=weight.shape[0]))]).astype(
            np.int64
        )
        rows, cols = weight.shape
        return cls(rows, cols, indptr, col.astype(np.int64), np.ascontiguousarray(weight[row, col]))

    def to_dense(self) -> Matrix:
        dense = np.zeros((self.rows, self.cols), self.values.dtype)
        dense[np.repeat(np.arange(self.rows), np.diff(self.indptr)), self.indices] = self.values
        return dense

    def stored(self) -> StoredWeight:
        """The file form. Gaps past 255 are bridged by explicit zeros where that is smaller than u16 gaps."""
        whole = self
        bridged = self.bridged()
        if bridged.bytes_at(1) < self.bytes_at(2):
            whole = bridged
        return StoredWeight(
            "csr",
            self.rows,
            self.cols,
            whole.values.size,  # a bridge counts: readers compare nnz with the entries
            whole.values,
            encode_gaps(whole.indptr, whole.indices),
            encode_counts(whole.indptr),
        )

    def bytes_at(self, gap_bytes: int) -> int:
        """Values and gaps, in bytes, with gaps of that width."""
        return self.values.size * (self.values.itemsize + gap_bytes)

    def bridged(self, longest: int = 255) -> CSR:
        """The same matrix with explicit zeros wherever two entries of a row lie more than `longest` apart.

        >>> w = np.zeros((1, 600), np.float32); w[0, 599] = 1
        >>> CSR.from_dense(w).bridged().indices.tolist()
        [255, 510, 599]
        """
        gaps = np.diff(self.indices, prepend=0)
        starts = self.indptr[:-1][np.diff(self.indptr) > 0]
        gaps[starts] = self.indices[starts]
        extra = np.maximum(gaps - 1, 0) // longest
        if not extra.any():
            return self
        repeats = extra + 1
        ends = np.cumsum(repeats)
        step = np.arange(ends[-1]) - np.repeat(ends - repeats, repeats)  # 0 .. extra within each entry
        last = step == np.repeat(extra, repeats)
        before = np.repeat(self.indices - gaps, repeats)
        indices = np.where(last, np.repeat(self.indices, repeats), before + (step + 1) * longest)
        values = np.where(last, np.repeat(self.values, repeats), self.values.dtype.type(0))
        indptr = np.concatenate([[0], ends])[self.indptr]
        return CSR(self.rows, self.cols, indptr, indices, values)
