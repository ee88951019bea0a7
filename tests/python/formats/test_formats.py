"""CSR, BSR and N:M against SciPy and against themselves: round trips, invariants, bytes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

from secateur.errors import WeightError
from secateur.formats import BSR, CSR, NM, Dense, block_patterns, detect_nm
from secateur.formats.base import decode_gaps

SHAPES = [(1, 1), (1, 17), (13, 1), (7, 31), (16, 64), (33, 300), (3, 70000)]
SPARSITIES = [0.0, 0.5, 0.9, 0.999, 1.0]


def matrix(rows: int, cols: int, sparsity: float, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((rows, cols)).astype(np.float32)
    weight[rng.random((rows, cols)) < sparsity] = 0
    return weight


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_csr_is_scipys(shape: tuple[int, int], sparsity: float) -> None:
    weight = matrix(*shape, sparsity)
    ours, theirs = CSR.from_dense(weight), scipy.sparse.csr_array(weight)
    np.testing.assert_array_equal(ours.indptr, theirs.indptr)
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_array_equal(ours.values, theirs.data)
    np.testing.assert_array_equal(ours.to_dense(), weight)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sparsity", SPARSITIES)
@pytest.mark.parametrize("limit", [1, 7, 255])
def test_csr_file_form(shape: tuple[int, int], sparsity: float, limit: int) -> None:
    csr = CSR.from_dense(matrix(*shape, sparsity))
    stored = csr.stored()
    assert stored.index is not None
    assert stored.counts is not None
    indptr = np.concatenate([[0], np.cumsum(stored.counts)]).astype(np.int64)
    decoded = CSR(*shape, indptr, decode_gaps(indptr, stored.index), stored.values)
    np.testing.assert_array_equal(decoded.to_dense(), csr.to_dense())
    assert stored.nnz == len(stored.values) == len(stored.index)
    bridged = csr.bridged(limit)
    np.testing.assert_array_equal(bridged.to_dense(), csr.to_dense())
    starts = bridged.indptr[:-1][np.diff(bridged.indptr) > 0]
    gaps = np.diff(bridged.indices, prepend=0)
    gaps[starts] = bridged.indices[starts]
    assert gaps.max(initial=0) <= limit


def test_long_gaps_are_bridged_when_that_is_smaller() -> None:
    weight = matrix(64, 4000, 0.9)
    weight[:, 1000:1400] = 0  # a pruned channel: gaps of 400
    stored = CSR.from_dense(weight).stored()
    assert stored.index is not None
    assert stored.index.dtype == np.uint8
    lonely = np.zeros((4, 60000), np.float32)
    lonely[:, -1] = 1
    stored = CSR.from_dense(lonely).stored()
    assert stored.index is not None
    assert stored.index.dtype == np.uint16
    assert len(stored.values) == 4


@pytest.mark.parametrize("block", [(4, 1), (8, 1), (2, 1), (1, 4), (4, 4)])
@pytest.mark.parametrize("shape", [(16, 12), (17, 13), (1, 1), (8, 40)])
@pytest.mark.parametrize("sparsity", [0.0, 0.8, 1.0])
def test_bsr_is_scipys(block: tuple[int, int], shape: tuple[int, int], sparsity: float) -> None:
    weight = matrix(*shape, sparsity)
    bsr = BSR.from_dense(weight, *block)
    np.testing.assert_array_equal(bsr.to_dense(), weight)
    if shape[0] % block[0] == 0 and shape[1] % block[1] == 0:
        theirs = scipy.sparse.bsr_array(weight, blocksize=block)
        theirs.eliminate_zeros()
        theirs.sort_indices()
        np.testing.assert_array_equal(bsr.indptr, theirs.indptr)
        np.testing.assert_array_equal(bsr.indices, theirs.indices)
        np.testing.assert_array_equal(bsr.values, theirs.data.reshape(bsr.values.shape))


@pytest.mark.parametrize(("n", "m"), [(1, 4), (2, 4), (4, 8), (3, 5), (4, 4)])
@pytest.mark.parametrize("cols", [1, 4, 7, 40])
def test_nm_round_trip(n: int, m: int, cols: int) -> None:
    weight = matrix(9, cols, 0.0)
    groups = np.arange(cols) // m
    rng = np.random.default_rng(1)
    for row in weight:
        for group in range(groups[-1] + 1):
            members = rng.permutation(np.nonzero(groups == group)[0])
            row[members[n:]] = 0
    nm = NM.from_dense(weight, n, m)
    np.testing.assert_array_equal(nm.to_dense(), weight)
    assert nm.stored().nnz == np.count_nonzero(weight)


def test_nm_refuses_another_pattern() -> None:
    with pytest.raises(WeightError, match="2:4"):
        NM.from_dense(np.ones((1, 4), np.float32), 2, 4)


@pytest.mark.parametrize("cols", [64, 576, 1152, 4608])
def test_ninety_percent_takes_a_seventh_of_the_bytes(cols: int) -> None:
    weight = matrix(128, cols, 0.9)
    assert CSR.from_dense(weight).stored().bytes <= 0.15 * weight.nbytes
    blocks = np.repeat(matrix(32, cols, 0.9), 4, axis=0)
    assert BSR.from_dense(blocks, 4, 1).stored().bytes <= 0.15 * blocks.nbytes
    dense = Dense.from_dense(weight).stored()
    assert dense.bytes == weight.nbytes


def test_patterns_are_found_from_zeros() -> None:
    tall = np.repeat(matrix(16, 64, 0.8), 4, axis=0)
    found = {(p.block_rows, p.block_cols): p.explicit_zeros for p in block_patterns(tall)}
    assert found[4, 1] == 0
    assert found[2, 1] == 0
    assert found[8, 1] > 0.3
    random = matrix(64, 64, 0.8)
    assert min(p.explicit_zeros for p in block_patterns(random)) > 0.3
    assert detect_nm(random) is None
    assert detect_nm(matrix(8, 64, 0.0)) is None
    two_of_four = matrix(8, 64, 0.0).reshape(8, 16, 4)
    rng = np.random.default_rng(2)
    for group in two_of_four.reshape(-1, 4):
        group[rng.permutation(4)[:2]] = 0
    assert detect_nm(two_of_four.reshape(8, 64)) == (2, 4)
    one_of_four = two_of_four.copy()
    for group in one_of_four.reshape(-1, 4):
        group[np.nonzero(group)[0][0]] = 0
    assert detect_nm(one_of_four.reshape(8, 64)) == (1, 4)


@pytest.mark.parametrize(
    ("indptr", "indices"),
    [([0, 1], [0]), ([0, 2, 1], [0]), ([0, 1, 2], [0, 9]), ([0, 2, 2], [1, 1]), ([0, 2, 2], [1, 0])],
)
def test_broken_csr_is_refused(indptr: list[int], indices: list[int]) -> None:
    with pytest.raises(WeightError):
        CSR(2, 4, np.array(indptr), np.array(indices), np.ones(len(indices), np.float32))


def test_wrong_dtype_is_refused() -> None:
    with pytest.raises(WeightError, match="float32"):
        CSR.from_dense(np.ones((2, 2)))  # type: ignore[arg-type]
