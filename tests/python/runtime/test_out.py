"""`Session.run(..., out=)`: into arrays that are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import secateur as sct
from secateur.errors import DTypeError, InvalidArgumentError, ShapeError
from secateur.runtime.examples import relu_model

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SHAPE = (1, 2, 3, 5)


def image() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)


def test_one_output_is_written_there() -> None:
    session, x, y = sct.Session(relu_model(SHAPE)), image(), np.full(SHAPE, np.nan, np.float32)
    assert session.run(x, out=y) is y
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    kept = x.copy()
    assert session.run([x], out=[x]) is x  # an input's own array
    np.testing.assert_array_equal(x, np.maximum(kept, 0))


def test_a_part_of_an_array() -> None:
    x, frames = image(), np.full((3, *SHAPE), np.nan, np.float32)
    sct.Session(relu_model(SHAPE)).run(x, out=frames[1])
    np.testing.assert_array_equal(frames[1], np.maximum(x, 0))
    assert np.isnan(frames[[0, 2]]).all()


def test_several_outputs() -> None:
    session = sct.Session(GOLDEN / "v1.0.sct")
    inputs = [np.linspace(-1, 1, int(np.prod(p["shape"])), dtype=np.float32) for p in session.inputs]
    inputs = [x.reshape(p["shape"]) for x, p in zip(inputs, session.inputs, strict=True)]
    out = [np.full(p["shape"], np.nan, np.float32) for p in session.outputs]
    expected, got = session.run(*inputs), session.run(*inputs, out=out)
    assert all(a is b for a, b in zip(got, out, strict=True))
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ShapeError, match="the model gives 2 outputs, out has 1"):
        session.run(*inputs, out=out[:1])


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.zeros((1, 2, 5, 3), np.float32), ShapeError, "output 0 'y' has shape"),
        (np.zeros(SHAPE), DTypeError, "output 0 'y' has dtype float64"),
        (np.zeros(SHAPE, np.float32, order="F"), DTypeError, "output 0 'y' is not C-contiguous"),
        ([[0.0]], DTypeError, "output 0 'y' is a list"),
        ([], ShapeError, "out has 0"),
    ],
)
def test_what_is_no_array_of_the_output(out, error, words: str) -> None:
    x = image()
    with pytest.raises(error, match=words):
        sct.Session(relu_model(SHAPE)).run(x, out=out)
    np.testing.assert_array_equal(x, image())


def test_a_read_only_array() -> None:
    y = np.zeros(SHAPE, np.float32)
    y.flags.writeable = False
    with pytest.raises(InvalidArgumentError, match="output 0 'y' is read-only"):
        sct.Session(relu_model(SHAPE)).run(image(), out=y)
    assert not y.any()
