"""Axis maps against NumPy: any chain of views of a tensor names the same elements."""

from __future__ import annotations

import numpy as np
import pytest

from secateur.ir import Value, planes
from secateur.lowering.axes import Atom, Tensor, merge, physical_index, regroup, resize, to_logical, whole


def tensor(batch: int, channels: int, height: int, width: int) -> tuple[Tensor, np.ndarray]:
    value = Value("x", planes(batch, channels, height, width))
    dims = (whole("B", batch), whole("C", channels), whole("P", height * width))
    return Tensor(value, dims), np.arange(value.batch * channels * height * width).reshape(value.shape)


@pytest.mark.parametrize("seed", range(40))
def test_random_chains_of_views(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, data = tensor(int(rng.integers(1, 3)), 12, 1, 8)
    array = data.reshape(x.shape)
    for _ in range(6):
        if rng.random() < 0.5 and array.ndim > 1:
            order = rng.permutation(array.ndim)
            array, x = array.transpose(order), x.with_dims(x.dims[i] for i in order)
        else:
            factors = [array.size]
            for divisor in (2, 3, 4):
                if factors[-1] % divisor == 0 and rng.random() < 0.7:
                    factors[-1:] = [factors[-1] // divisor, divisor]
            shape = [int(f) for f in rng.permutation(factors)]
            dims = regroup(x.dims, shape)
            if dims is None:
                continue  # cuts across: nothing to compare
            array, x = array.reshape(shape), x.with_dims(dims)
        assert x.shape == array.shape
        np.testing.assert_array_equal(to_logical(data, x), array)


def test_regroup_refuses_what_cuts_across() -> None:
    assert regroup((whole("P", 6), whole("C", 5)), [4, 15]) is None
    assert regroup((whole("C", 6),), [6, 2]) is None
    assert regroup((whole("C", 6),), [1, 3, 1, 2, 1]) == ((), (Atom("C", 3, 2),), (), (Atom("C", 2, 1),), ())


def test_merge_and_index() -> None:
    assert merge([Atom("C", 2, 6), Atom("C", 3, 2), Atom("C", 2, 1)]) == whole("C", 12)
    assert physical_index([Atom("C", 3, 1), Atom("C", 2, 3)]).tolist() == [0, 3, 1, 4, 2, 5]


def test_resize_moves_the_strides_outside() -> None:
    dims = ((Atom("P", 5, 4),), (Atom("P", 4, 1),), (Atom("C", 4, 1),))
    assert resize(dims, Atom("P", 4, 1), 7) == ((Atom("P", 5, 7),), (Atom("P", 7, 1),), (Atom("C", 4, 1),))
    assert resize(dims, Atom("P", 5, 4), 1) == ((), (Atom("P", 4, 1),), (Atom("C", 4, 1),))
