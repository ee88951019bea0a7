"""What a model may take: `Limits`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from runtime_models import csr_weight, linear_model

from secateur.errors import InvalidArgumentError, ModelFileError
from secateur.runtime import Limits, Session
from secateur.runtime.examples import relu_model

LINEAR = linear_model(csr_weight(np.eye(32, dtype=np.float32)), None)
LARGE = relu_model((1, 1, 20000, 20000))  # 3.2 GB of activations


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(memory=1000), "the limit is 0 MB"),
        (Limits(work=10), "multiply-adds"),
        (Limits(tensors=1), "2 tensors, its limit is 1"),
    ],
)
def test_each_limit_refuses(limits: Limits, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        Session(LINEAR, limits=limits)


def test_default_limits_are_for_files_from_anyone() -> None:
    with pytest.raises(ModelFileError, match=r"activations 3200.*the limit is 1073 MB: raise the limit"):
        Session(LARGE)


def test_no_limits() -> None:
    x = np.arange(32, dtype=np.float32)
    for limits in (Limits.trusted(), Limits(memory=1e9, work=math.inf), Limits(memory=1e30)):
        session = Session(LINEAR, limits=limits)
        y = session.run(x.reshape(session.inputs[0]["shape"]))
        np.testing.assert_array_equal(y.ravel(), x)


@pytest.mark.parametrize("value", [0, -1, math.nan, "1", True])
def test_a_limit_is_a_number(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="the limit of memory is a number"):
        Limits(memory=value)  # type: ignore[arg-type]


def test_limits_are_limits() -> None:
    with pytest.raises(InvalidArgumentError, match="limits is a secateur"):
        Session(LINEAR, limits=1000)  # type: ignore[arg-type]


def test_a_compiled_program_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Compiled:
        def to_bytes(self) -> bytes:
            return LINEAR

        def save(self, path: object) -> None: ...

    monkeypatch.setattr(
        "secateur.runtime.session.Limits.numbers", lambda self: self.seen.append(self) or (0,) * 4
    )
    monkeypatch.setattr(Limits, "seen", seen := [], raising=False)
    Session(Compiled())
    Session(LINEAR)
    assert seen == [Limits.trusted(), Limits()]
