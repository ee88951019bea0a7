"""N:M: of every M consecutive columns at most N are nonzero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secateur.errors import WeightError
from secateur.formats.base import Integers, Matrix, StoredWeight, check_matrix


@dataclass(frozen=True)
class NM:
    """``index [rows, groups, n] u8`` (position within the group, increasing), ``values`` likewise.

    The last group may be short. Unused slots hold value 0 and index 0, after the used ones.

    >>> w = np.array([[0, 3, 0, 4], [1, 0, 0, 0]], np.float32)
    >>> nm = NM.from_dense(w, 2, 4)
    >>> nm.index.tolist(), nm.values.tolist()
    ([[[1, 3]], [[0, 0]]], [[[3.0, 4.0]], [[1.0, 0.0]]])
    """

    rows: int
    cols: int
    n: int
    m: int
    index: Integers
    values: Matrix

    def __post_init__(self) -> None:
        if not 0 < self.n <= self.m <= 256:
            raise WeightError(f"N:M: {self.n}:{self.m} is not a pattern")
        shape = (self.rows, -(-self.cols // self.m), self.n)
        if self.index.shape != shape or self.values.shape != shape or self.index.dtype != np.uint8:
            raise WeightError(f"N:M: index (u8) and values must be {shape}")
        used = self.values != 0
        columns = np.arange(shape[1])[:, None] * self.m + self.index
        if np.any(self.index >= self.m) or np.any(columns[used] >= self.cols):
            raise WeightError("N:M: a position lies outside its group")
        if np.any(self.index[~used] != 0) or np.any(used[..., 1:] & ~used[..., :-1]):
            raise WeightError("N:M: an unused slot is not at the end with index 0")
        later = used[..., 1:]
        if np.any((np.diff(self.index.astype(np.int16), axis=2) <= 0) & later):
            raise WeightError("N:M: positions do not increase within a group")

    @classmethod
    def from_dense(cls, weight: Matrix, n: int, m: int) -> NM:
        check_matrix(weight)
        rows, cols = weight.shape
        groups = -(-cols // m)
        padded = np.zeros((rows, groups * m), weight.dtype)
        padded[:, :cols] = weight
        padded = padded.reshape(rows, groups, m)
        used = padded != 0
        if used.sum(axis=2).max(initial=0) > n:
            raise WeightError(f"N:M: the matrix is not {n}:{m} sparse")
        order = np.argsort(~used, axis=2, kind="stable")[:, :, :n]  # nonzeros first, in order
        values = np.take_along_axis(padded, order, axis=2)
        return cls(rows, cols, n, m, np.where(values != 0, order, 0).astype(np.uint8), values)

    def to_dense(self) -> Matrix:
        groups = self.index.shape[1]
        dense = np.zeros((self.rows, groups * self.m), self.values.dtype)
        row, group, slot = np.nonzero(self.values)
        dense[row, group * self.m + self.index[row, group, slot]] = self.values[row, group, slot]
        return np.ascontiguousarray(dense[:, : self.cols])

    def stored(self) -> StoredWeight:
        return StoredWeight(
            "nm",
            self.rows,
            self.cols,
            int(np.count_nonzero(self.values)),
            self.values,
            np.ascontiguousarray(self.index.reshape(-1)),
            n=self.n,
            m=self.m,
        )
