"""Constants of the file, each once: a layer used many times, or a figure that several layers share, is
written for the first and named by the others."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.formats import BSR, CSR, NM, Dense, StoredWeight, tap_major
from secateur.ir import StorageFormat
from secateur.ir.types import Array, Weight


def store(weight: Weight, storage: StorageFormat, scales: Array | None = None, taps: int = 1) -> StoredWeight:
    """A weight matrix in the chosen format. scales: of i8 values, a row each."""
    matrix = tap_major(weight, taps) if storage.tap_major else weight
    return replace(_stored(matrix, storage), scales=scales, tap_major=storage.tap_major)


def _stored(weight: Weight, storage: StorageFormat) -> StoredWeight:
    if storage.kind == "csr":
        return CSR.from_dense(weight).stored()
    if storage.kind == "bsr":
        return BSR.from_dense(weight, storage.block_rows, storage.block_cols).stored()
    if storage.kind == "nm":
        return NM.from_dense(weight, storage.n, storage.m).stored()
    return Dense.from_dense(weight).stored()


class Constants:
    """Gives equal arrays one array, and equal weights in equal formats one stored form.

    >>> constants = Constants()
    >>> a, b = np.ones(3, np.float32), np.ones(3, np.float32)
    >>> constants.array(a) is constants.array(b)
    True
    """

    def __init__(self) -> None:
        self._arrays: dict[Any, NDArray[Any]] = {}
        self._weights: dict[Any, StoredWeight] = {}

    def array(self, array: NDArray[Any]) -> NDArray[Any]:
        """This array, flat and contiguous, or an equal one from before."""
        flat = np.ascontiguousarray(array).reshape(-1)
        return self._arrays.setdefault(_content(flat), flat)

    def weight(
        self, weight: Weight, storage: StorageFormat, scales: Array | None = None, taps: int = 1
    ) -> StoredWeight:
        """The stored form of this weight matrix, or of an equal one from before."""
        key = (_content(weight), storage, None if scales is None else _content(scales), taps)
        if key not in self._weights:
            self._weights[key] = store(weight, storage, scales, taps)
        return self._weights[key]


def _content(array: NDArray[Any]) -> tuple[str, tuple[int, ...], bytes]:
    """Bits, not values: 0.0 and -0.0 differ, and NaN is itself."""
    held = np.ascontiguousarray(array)
    digest = hashlib.blake2b(held.reshape(-1).view(np.uint8).data, digest_size=20).digest()
    return held.dtype.str, held.shape, digest
