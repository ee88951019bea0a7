"""The choice of a storage format: from the zeros and the core, with its reason."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from secateur.errors import InvalidArgumentError
from secateur.ir import Op, Value, planes
from secateur.ir.options import ConvOptions
from secateur.passes.choose_format import choose
from secateur.passes.cost_model import CORES, TARGETS, core_for


def layer(weight: NDArray[np.float32], positions: int = 49, groups: int = 1) -> Op:
    x = Value("x", planes(1, weight.shape[1] * groups, 1, positions))
    y = Value("y", planes(1, weight.shape[0], 1, positions))
    return Op("Conv", "conv", [x], y, ConvOptions(weight=weight, groups=groups))


def random(sparsity: float, block_rows: int = 1, shape: tuple[int, int] = (64, 128)) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal(shape).astype(np.float32)
    mask = rng.random((shape[0] // block_rows, shape[1])) >= sparsity
    return weight * np.repeat(mask, block_rows, axis=0)


@pytest.mark.parametrize("core", CORES.values(), ids=str)
def test_extremes_are_the_same_everywhere(core: object) -> None:
    from secateur.passes import Core

    assert isinstance(core, Core)
    assert str(choose(layer(random(0.0)), core)[0]) == "dense"
    assert str(choose(layer(random(0.1)), core)[0]) == "dense"
    assert str(choose(layer(random(0.9)), core)[0]) == "csr"
    assert str(choose(layer(random(0.9, 4)), core)[0]).startswith("bsr")
    assert str(choose(layer(random(0.9), positions=1), core)[0]) == "csr"


def test_the_core_decides_in_between() -> None:
    half = layer(random(0.55))
    assert str(choose(half, core_for("raspberry-pi-4"))[0]) == "csr"
    assert str(choose(half, core_for("raspberry-pi-3"))[0]) == "dense"


def test_patterns() -> None:
    weight = random(0.0).reshape(64, 32, 4)
    for group in weight.reshape(-1, 4):
        group[np.random.default_rng(int(abs(group[0]) * 1e6)).permutation(4)[:3]] = 0
    storage, reason = choose(layer(weight.reshape(64, 128)), core_for("x86"))
    assert str(storage) == "1:4"
    assert "75.0% zeros" in reason
    storage, reason = choose(layer(random(0.8, 8)), core_for("raspberry-pi-4"))
    assert (storage.block_rows, storage.block_cols) in ((4, 1), (8, 1))
    assert "of the multiply-adds" in reason


def test_nm_at_each_kernel_position_is_csr_and_said() -> None:
    """1:4 over input channels of a 3x3 convolution, as other runtimes group it; columns do not show it."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((64, 32, 9)).astype(np.float32)
    for row in weight:
        for tap in range(9):
            for start in range(0, 32, 4):
                row[start + rng.permutation(4)[:3], tap] = 0
    flat = weight.reshape(64, 288)
    x, y = Value("x", planes(1, 32, 7, 7)), Value("y", planes(1, 64, 7, 7))
    options = ConvOptions(
        weight=flat, kernel_h=3, kernel_w=3, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1
    )
    storage, reason = choose(Op("Conv", "conv", [x], y, options), core_for("raspberry-pi-4"))
    assert str(storage) == "csr"
    assert "75.0% zeros (1:4 at each kernel position, stored as CSR)" in reason
    options.weight = flat * (rng.random(flat.shape) > 0.6)
    assert "kernel position" not in choose(Op("Conv", "conv", [x], y, options), core_for("raspberry-pi-4"))[1]


def test_blocks_that_straddle_groups_are_not_chosen() -> None:
    weight = random(0.9, 4, (12, 64))
    storage, _ = choose(layer(weight, groups=2), core_for("x86"))
    assert 6 % storage.block_rows == 0


def test_reasons_are_sentences() -> None:
    assert choose(layer(random(0.0)), core_for("x86"))[1] == "dense: it has no zeros"
    _, reason = choose(layer(random(0.2)), core_for("x86"))
    assert reason.startswith("dense: at 19.1% zeros")
    _, reason = choose(layer(random(0.9), positions=1), core_for("x86"))
    assert reason == "csr: 90.1% zeros, predicted 2.3x faster on x86-64"


def test_ninety_percent_is_stored_sparse_whatever_the_prediction() -> None:
    storage, _ = choose(layer(random(0.9, shape=(64, 2048)), positions=1), core_for("x86"))
    assert str(storage) == "csr"
    storage, reason = choose(layer(random(0.7, shape=(64, 2048)), positions=1), core_for("x86"))
    assert str(storage) == "dense"
    assert "x the time" in reason


def test_targets() -> None:
    assert core_for("Raspberry_Pi_5") is TARGETS["raspberry-pi-5"]
    assert core_for(None).name in CORES
    with pytest.raises(InvalidArgumentError, match="cortex-a53"):
        core_for("abacus")
