"""Calibration inputs: every form of them, and one clear error for each that cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from secateur.errors import DTypeError, InvalidArgumentError, ShapeError
from secateur.ir import Port, Value, planes
from secateur.quantize.data import batches

X = Port("x", Value("x", planes(2, 3, 4, 4)), (2, 3, 4, 4))
MASK = Port("mask", Value("mask", planes(2, 1, 1, 4)), (2, 4))
RNG = np.random.default_rng(0)


def images(count: int) -> Any:
    return RNG.standard_normal((count, 3, 4, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "given",
    [
        images(6),
        torch.from_numpy(images(6)),
        images(6).astype(np.float64),
        [images(2), images(4)],
        [(images(2), np.arange(2)) for _ in range(3)],  # labels beside
        [{"x": images(4)}, {"x": images(2), "label": 3}],
        {"x": images(7)},  # the last one is left over
        iter([images(6)]),
    ],
)
def test_forms_of_one_input(given: Any) -> None:
    found = batches(given, [X], 10)
    assert [batch[0].shape for batch in found] == [(2, 3, 4, 4)] * 3
    assert all(batch[0].dtype == np.float32 and batch[0].flags.c_contiguous for batch in found)


def test_values_and_order_are_kept() -> None:
    whole = images(6)
    found = batches([whole[:4], whole[4:]], [X], 10)
    np.testing.assert_array_equal(np.concatenate([b[0] for b in found]), whole)


def test_no_more_than_asked_are_read() -> None:
    read = []

    def loader() -> Any:
        for i in range(100):
            read.append(i)
            yield images(2)

    assert len(batches(loader(), [X], 3)) == 3
    assert read == [0, 1, 2]


@pytest.mark.parametrize(
    "given", [[(images(4), np.ones((4, 4)) * [1, 2, 3, 4])], {"mask": images(4)[:, 0, 0], "x": images(4)}]
)
def test_forms_of_two_inputs(given: Any) -> None:
    found = batches(given, [X, MASK], 10)
    assert [tuple(x.shape for x in batch) for batch in found] == [((2, 3, 4, 4), (2, 4))] * 2


NAN = images(2)
NAN[1, 0, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (None, InvalidArgumentError, "there is no calibration set"),
        ([], InvalidArgumentError, "calibration set is empty: 0 items"),
        (images(0), InvalidArgumentError, "calibration set is empty: 0 items make no batch"),
        (images(1), InvalidArgumentError, "1 items make no batch of the network's inputs"),
        (3, InvalidArgumentError, "iterable of batches, not int"),
        ("images.npy", InvalidArgumentError, "iterable of batches, not str"),
        ([3], InvalidArgumentError, "batch 0 is a int"),
        ([("a",)], InvalidArgumentError, "holds a str for input 'x'"),
        ([()], InvalidArgumentError, "has 0 arrays; the network has 1"),
        ([{"y": images(2)}], InvalidArgumentError, "has no 'x'; its names are y"),
        (images(2)[:, :2], ShapeError, r"shape \(2, 2, 4, 4\); input 'x' takes \(2, 3, 4, 4\)"),
        ([images(2), images(2)[..., :3]], ShapeError, "calibration batch 1 has shape"),
        (np.zeros((2, 3, 4, 4), np.uint8), DTypeError, "is uint8"),
        (torch.zeros((2, 3, 4, 4), dtype=torch.int64), DTypeError, "is int64"),
        (NAN, InvalidArgumentError, "holds 1 values that are NaN or infinite"),
        ([images(2), NAN * np.inf], InvalidArgumentError, "calibration batch 1 holds"),
        (np.full((4, 3, 4, 4), 2.5, np.float32), InvalidArgumentError, "is 2.5: a constant has no range"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_error(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        batches(given, [X], 10)


def test_inputs_of_different_lengths() -> None:
    with pytest.raises(ShapeError, match="different numbers of items: x 4, mask 2"):
        batches({"x": images(4), "mask": images(2)[:, 0, 0]}, [X, MASK], 10)


def test_at_least_one_batch() -> None:
    with pytest.raises(InvalidArgumentError, match="at least one batch"):
        batches(images(2), [X], 0)
