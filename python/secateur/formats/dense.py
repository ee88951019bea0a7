"""Every value, zeros included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secateur.formats.base import Matrix, StoredWeight, check_matrix


@dataclass(frozen=True)
class Dense:
    """A matrix as it is.

    >>> Dense.from_dense(np.eye(2, dtype=np.float32)).stored().nnz
    2
    """

    values: Matrix

    def __post_init__(self) -> None:
        check_matrix(self.values)

    @classmethod
    def from_dense(cls, weight: Matrix) -> Dense:
        return cls(np.ascontiguousarray(weight))

    def to_dense(self) -> Matrix:
        return self.values

    def stored(self) -> StoredWeight:
        rows, cols = self.values.shape
        return StoredWeight("dense", rows, cols, int(np.count_nonzero(self.values)), self.values)
