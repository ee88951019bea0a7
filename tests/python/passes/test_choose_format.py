"""The choice of a storage format: from the zeros and the core, with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from secateur import _core
from secateur.errors import InvalidArgumentError
from secateur.ir import Op, Value, planes
from secateur.ir.options import ConvOptions
from secateur.machine import FORMATS
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


def profile_of(tmp_path: Path, op: Op, times: dict[str, int]) -> Path:
    """A profile of a machine on which that layer took so many nanoseconds, by stored form."""
    o, x, y = op.options, op.inputs[0].shape, op.output.shape
    shape = [x[1], y[1], o.groups, x[0], x[2], x[3], y[2], y[3], 1, 1, 1, 1, 1, 1]
    density = np.count_nonzero(o.weight) / o.weight.size
    rows = []
    for form, ns in times.items():
        per_mille = 1000 if form == "dense" else round(1000 * density)
        key = [*shape, 1, 0, FORMATS.index(form), 1, per_mille]
        rows.append(key + [0] * (len(_core.PROFILE_COLUMNS) - len(key) - 2) + [ns, ns])
    path = tmp_path / "board.json"
    table = {
        "secateur_profile": _core.PROFILE_VERSION,
        "cpu": "arm-41-d08",
        "cpu_name": "a board",
        "family": "cortex-a72",
        "isa": "neon",
        "fma_gflops": 12.0,
        "columns": _core.PROFILE_COLUMNS,
        "plans": rows,
    }
    path.write_text(json.dumps(table))
    return path


@pytest.mark.parametrize(("csr_ns", "chosen"), [(900_000, "dense"), (1_100, "csr"), (480_000, "csr")])
def test_a_measured_layer_is_chosen_by_its_times(tmp_path: Path, csr_ns: int, chosen: str) -> None:
    """Whatever shares would say: at 70% zeros they say CSR everywhere, by 2.4 times on this core."""
    op = layer(random(0.7))
    core = core_for(profile_of(tmp_path, op, {"dense": 600_000, "csr": csr_ns}))
    storage, reason = choose(op, core)
    assert str(storage) == chosen
    assert " us against 600.0 us)" in reason
    assert "measured" in reason
    assert "on a board" in reason


def test_times_of_one_form_alone_decide_nothing(tmp_path: Path) -> None:
    op = layer(random(0.7))
    for form in ("dense", "csr"):
        core = core_for(str(profile_of(tmp_path, op, {form: 1})))
        storage, reason = choose(op, core)
        assert "predicted" in reason
        assert (str(storage), "us against" in reason) == ("csr", False)


def test_layers_of_other_shapes_go_by_the_shares_that_were_measured(tmp_path: Path) -> None:
    op = layer(random(0.7))
    macs = op.options.weight.size * 49
    at_half = round(macs / 6 / 0.5)  # peak is 6 multiply-adds a nanosecond
    core = core_for(profile_of(tmp_path, op, {"dense": at_half}))
    assert core.dense == pytest.approx(0.5, rel=1e-3)
    assert core.csr == pytest.approx(0.5 * 0.72 / 0.90, rel=1e-3)  # in the A72's proportion
    assert core.name == "a board"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "not JSON"),
        ("[]", "no machine profile"),
        ('{"secateur_profile": 99}', "has version 99"),
        ('{"secateur_profile": 1}', "is damaged"),
    ],
)
def test_a_target_that_is_no_profile_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(InvalidArgumentError, match=why):
        core_for(path)
    with pytest.raises(InvalidArgumentError, match="cannot be read"):
        core_for(tmp_path / "absent.json")
