"""What a device must answer: bits, rounding, codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.deploy.predict import Prediction, distance, furthest, predict


def saved(path: Path, model: nn.Module, x: torch.Tensor, **how: object) -> Path:
    sct.compile(model.eval(), (x,), **how).save(path)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 1))
    return saved(tmp_path_factory.mktemp("f32") / "m.sct", network, torch.randn(1, 3, 8, 8))


def test_floats_are_held_to_rounding(floats: Path) -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)
    found = predict(floats, [x])
    (y,) = found.outputs
    np.testing.assert_array_equal(y, sct.Session(floats).run(x))
    assert found.how == "rounding"
    # 27 + 16 terms: 16 sqrt(43) 2^-24 of the largest output, or what this machine's kernels differ by
    assert found.allowed[0] >= 16 * np.sqrt(43) * 2.0**-24 * np.abs(y).max()
    assert found.allowed[0] < 1e-4 * np.abs(y).max()
    assert found.compare([y])[2]
    near = y.copy()
    near[0, 0, 0, 0] += np.float32(found.allowed[0] / 2)
    assert found.compare([near])[2]
    far = y.copy()
    far[0, 0, 0, 0] += np.float32(found.allowed[0] * 4)
    error, allowed, same = found.compare([far])
    assert not same
    assert error > allowed
    lost = y.copy()
    lost[0, 1, 2, 3] = np.nan
    assert not found.compare([lost])[2]


def test_every_instruction_set_of_this_machine_is_as_predicted(floats: Path) -> None:
    x = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)
    found = predict(floats, [x])
    for isa in sct._core.available_isas():
        assert found.compare([sct.Session(floats, isa=isa).run(x)])[2], isa


def test_bits_are_bits() -> None:
    y = np.array([0.0, np.nan, 3.0], np.float32)
    found = Prediction([y], "bits", [0.0])
    assert found.compare([y.copy()]) == (0.0, 0.0, True)
    assert not found.compare([np.array([-0.0, np.nan, 3.0], np.float32)])[2]
    assert not found.compare([np.nextafter(y, np.float32(9))])[2]


def test_codes_are_compared_together() -> None:
    y = np.full(100, 1.0, np.float32)
    found = Prediction([y], "codes", [0.01])
    one = y.copy()
    one[3] = 1.05  # 0.05 / sqrt(100) = 0.5%
    far, allowed, same = found.compare([one])
    assert far == pytest.approx(0.005, rel=1e-5)
    assert (allowed, same) == (0.01, True)
    assert not found.compare([y * np.float32(1.02)])[2]


def test_distances() -> None:
    a = np.array([1.0, np.inf, np.nan, 2.0])
    assert furthest(a, np.array([1.25, np.inf, np.nan, 2.0])) == 0.25
    assert furthest(a, np.array([1.0, -np.inf, np.nan, 2.0])) == np.inf
    assert furthest(a, np.array([1.0, np.inf, 0.0, 2.0])) == np.inf
    assert distance([np.array([3.0, 4.0])], [np.array([0.0, 5.0])]) == pytest.approx(np.sqrt(10) / 5)
    assert distance([np.zeros(2)], [np.zeros(2)]) == 0
    assert distance([np.ones(2)], [np.zeros(2)]) == np.inf
