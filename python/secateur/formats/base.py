"""What the containers share: the form a weight has in the file, and the narrow integers in it.

The layouts are written down at table Weight of csrc/format/model.fbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import WeightError

Matrix = NDArray[Any]  # float32, float16 or int8
Integers = NDArray[Any]


@dataclass(frozen=True)
class StoredWeight:
    """A weight as `_core.encode_model` takes it; `bytes` counts values, index, counts and scales."""

    format: str
    rows: int
    cols: int
    nnz: int
    values: Integers  # float32, float16, or int8 with scales
    index: Integers | None = None
    counts: Integers | None = None
    block_rows: int = 1
    block_cols: int = 1
    n: int = 0
    m: int = 0
    scales: Matrix | None = None  # [rows], of int8 values
    tap_major: bool = False  # of int8 and float16 values: columns are (tap, channel)

    @property
    def bytes(self) -> int:
        extra = sum(part.nbytes for part in (self.index, self.counts, self.scales) if part is not None)
        return self.values.nbytes + extra

    def to_spec(self) -> dict[str, Any]:
        """The dictionary of `_core.encode_model`."""
        return {
            "format": self.format,
            "rows": self.rows,
            "cols": self.cols,
            "block_rows": self.block_rows,
            "block_cols": self.block_cols,
            "n": self.n,
            "m": self.m,
            "nnz": self.nnz,
            "values": np.ascontiguousarray(self.values.reshape(-1)),
            "index": self.index,
            "counts": self.counts,
            "scales": self.scales,
            "tap_major": self.tap_major,
        }


# Of a weight's values: numbers, or i8 codes of which a row has one scale.
VALUES = (np.float32, np.float16, np.int8)


def check_matrix(weight: Matrix) -> None:
    """A two-dimensional matrix of float32, float16 or int8, or `WeightError`."""
    if weight.ndim != 2 or weight.dtype not in VALUES:
        raise WeightError(
            f"a weight matrix is two-dimensional float32 (float16, int8), not {weight.ndim}-dimensional "
            f"{weight.dtype}"
        )


def tap_major(weight: Matrix, taps: int) -> Matrix:
    """Columns ``channel * taps + tap`` -> ``tap * channels + channel``: blocks of columns are input channels.

    >>> tap_major(np.arange(6, dtype=np.int8).reshape(1, 6), 3).tolist()
    [[0, 3, 1, 4, 2, 5]]
    """
    rows, cols = weight.shape
    ordered = weight.reshape(rows, cols // taps, taps).transpose(0, 2, 1)
    return np.ascontiguousarray(ordered).reshape(rows, cols)


def check_compressed(indptr: Integers, indices: Integers, rows: int, cols: int, what: str) -> None:
    """The invariants of CSR and BSR: monotone `indptr`, strictly increasing `indices` within each row."""
    if len(indptr) != rows + 1 or indptr[0] != 0 or indptr[-1] != len(indices):
        raise WeightError(f"{what}: indptr does not span {rows} rows and {len(indices)} indices")
    if np.any(np.diff(indptr) < 0):
        raise WeightError(f"{what}: indptr decreases")
    if len(indices) and (indices.min() < 0 or indices.max() >= cols):
        raise WeightError(f"{what}: an index lies outside its {cols} columns")
    steps = np.diff(indices)
    within = np.ones(max(len(indices) - 1, 0), bool)
    starts = indptr[1:-1]
    within[starts[(starts > 0) & (starts < len(indices))] - 1] = False
    if np.any(steps[within] <= 0):
        raise WeightError(f"{what}: indices do not increase within a row")


def narrowest(values: Integers, dtypes: tuple[type, ...]) -> Integers:
    """The same numbers in the first dtype that holds them."""
    top = int(values.max()) if values.size else 0
    for dtype in dtypes:
        if top <= np.iinfo(dtype).max:
            return values.astype(dtype)
    raise WeightError(f"{top} does not fit 32 bits")


def encode_gaps(indptr: Integers, indices: Integers) -> Integers:
    """Columns -> gaps: from the row's start, then from the previous nonzero; u8 where they fit, or u16, u32.

    >>> encode_gaps(np.array([0, 2, 3]), np.array([1, 5, 7])).tolist()
    [1, 4, 7]
    """
    gaps = np.diff(indices, prepend=0)
    starts = indptr[:-1][np.diff(indptr) > 0]
    gaps[starts] = indices[starts]
    return narrowest(gaps, (np.uint8, np.uint16, np.uint32))


def decode_gaps(indptr: Integers, gaps: Integers) -> Integers:
    """The inverse of `encode_gaps`."""
    total = np.cumsum(gaps, dtype=np.int64)
    before = np.concatenate([[0], total])[indptr[:-1]]
    return np.asarray(total - np.repeat(before, np.diff(indptr)))


def encode_counts(indptr: Integers) -> Integers:
    """Row pointers -> entries per row, u16 or u32."""
    return narrowest(np.diff(indptr), (np.uint16, np.uint32))
