"""What a caller says of a model is kept in its file, and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur import _core
from secateur.emit.metadata import MOST_BYTES, checked
from secateur.errors import InvalidArgumentError, ModelFileError
from secateur.runtime.examples import relu_model

SAID = {
    "labels": ["cat", "", "\u00e9tienne \U0001f408"],
    "mean": [0.485, 0.1, 5e-324],
    "author": "somebody",
    "size": 224.0,
    "one": ["alone"],
    "nothing": [],
}


def compiled(**kept: object) -> sct.Program:
    torch.manual_seed(0)
    return sct.compile(nn.Linear(8, 4), torch.ones(1, 8), **kept)


def test_what_was_said_comes_back(tmp_path) -> None:
    program = compiled(metadata=SAID)
    assert program.metadata == SAID
    program.save(tmp_path / "m.sct")
    with sct.Session(tmp_path / "m.sct") as session:
        assert session.metadata == SAID
        assert list(session.metadata) == list(SAID)
    assert program.session().metadata == SAID


def test_it_changes_nothing_else() -> None:
    plain, said, x = compiled(), compiled(metadata=SAID), np.ones((1, 8), np.float32)
    assert plain.to_bytes() == compiled(metadata={}).to_bytes()
    assert plain.metadata == {} == plain.session().metadata
    assert tuple(plain.to_bytes()[8:12:2]) == (1, 1)
    assert tuple(said.to_bytes()[8:12:2]) == (2, 1)
    np.testing.assert_array_equal(plain.session().run(x), said.session().run(x))


def test_kinds_of_values() -> None:
    given = {
        "a": np.array([1, 2]),
        "b": np.float32(0.5),
        "c": (1, 2.5),
        "d": np.array(["x", "y"]),
        "e": 3,
    }
    assert checked(given) == {"a": [1.0, 2.0], "b": 0.5, "c": [1.0, 2.5], "d": ["x", "y"], "e": 3.0}
    assert checked(None) == {}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (["labels"], "a dictionary, not list"),
        ({1: "x"}, "a key of metadata is a text, not 1"),
        ({"": "x"}, "a key of metadata is a text, not ''"),
        ({"k" * 1025: "x"}, "longer than 1024 bytes"),
        ({"k": None}, "'k' is a text, a number or a list of them, not None"),
        ({"k": True}, "not True"),
        ({"k": {"a": 1}}, "not {'a': 1}"),
        ({"k": [[1.0]]}, r"'k'\[0\] is a text"),
        ({"k": np.zeros((2, 2))}, "'k' is a text"),
        ({"k": float("nan")}, "not nan"),
        ({"k": ["a", 1]}, "mixes texts and numbers"),
        ({"k": ["a", "b\0"]}, r"'k'\[1\] has a zero byte"),
        ({"k\0": "a"}, "has a zero byte"),
        ({"k": "\ud800"}, "UTF-8"),
        ({"\x1b[2J": None}, r"'\\x1b\[2J' is a text"),
        ({str(i): "" for i in range(257)}, "has 257 keys"),
        ({"k": "x" * MOST_BYTES}, "a file holds at most 1048576"),
    ],
)
def test_what_a_file_does_not_hold(metadata: object, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        compiled(metadata=metadata)


def test_the_bound_is_the_readers() -> None:
    """A text of what is left beside one key and two times 16 bytes opens, one byte more does not."""
    most = "x" * (MOST_BYTES - 33)
    assert checked({"k": most}) == {"k": most}
    with pytest.raises(InvalidArgumentError, match="1048577 bytes"):
        checked({"k": most + "x"})
    spec = {"metadata": [{"key": "k", "texts": [most + "x"], "list": False}]}
    with pytest.raises(ModelFileError, match="more than 1048576 bytes"):
        sct.Session(encoded(spec))
    spec["metadata"][0]["texts"] = [most]
    assert sct.Session(encoded(spec)).metadata == {"k": most}


def encoded(more: dict) -> bytes:
    """max(x, 0) of one number, and more."""
    tensor = {"batch": 1, "channels": 1, "height": 1, "width": 1, "plane_stride": 1, "batch_stride": 16}
    port = {"name": "x", "shape": [1]}
    return _core.encode_model(
        {
            "arena_bytes": 128,
            "tensors": [{**tensor, "arena_offset": 0}, {**tensor, "arena_offset": 64}],
            "ops": [{"kind": "Unary", "inputs": [0], "outputs": [1], "activation": ("relu", 0.0, 0.0)}],
            "inputs": [{**port, "tensor": 0}],
            "outputs": [{**port, "tensor": 1}],
            **more,
        }
    )


def test_a_file_of_before_has_none() -> None:
    assert sct.Session(relu_model((1, 2, 1, 3))).metadata == {}
