"""The program that fits cost models: from times that the model itself made, with other constants and some
noise, it finds these; and every shipped table that names its measurements is what they give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secateur import _core
from secateur.errors import InvalidArgumentError
from secateur.tune.fit import error_of, fit
from secateur.tune.table import agrees, fitted, read_table, table_text

ROOT = Path(__file__).resolve().parents[3]
ISA = "scalar"  # everywhere there, and of the model of slots
TRUE = {"strip": 40.0, "strip_vector": 1.2, "pack_vector": 9.0, "broadcast": 0.8}


def plans() -> list[list[int]]:
    """Layers of 1x1 and 3x3, CSR and dense, in several widths and blocks."""
    rows = []
    for channels, size, kernel in ((32, 28, 1), (256, 14, 1), (512, 7, 1), (64, 14, 3), (128, 7, 3)):
        for per_mille in (1000, 300, 100, 30):
            for nr in (16, 32, 64):
                dense = per_mille == 1000
                values = {
                    "in": channels,
                    "out": channels,
                    "groups": 1,
                    "batch": 1,
                    "threads": 1,
                    **dict.fromkeys(("height", "width", "out_height", "out_width"), size),
                    **dict.fromkeys(("kernel_h", "kernel_w"), kernel),
                    **dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w", "block_rows"), 1),
                    "per_mille": per_mille,
                    "dense": int(dense),
                    "mr": 4 if dense else 1,
                    "nr": nr,
                    "source": 0 if kernel == 1 else 1,
                    "block_bytes": 32768,
                }
                rows.append([values.get(name, 0) for name in _core.PROFILE_COLUMNS])
    return rows


def data(noise: float = 0.0) -> dict[str, Any]:
    """Measurements of a machine whose truth is known."""
    rows = plans()
    caches = {"l1_bytes": 32768, "l2_bytes": 1 << 20}
    slots = np.array(_core.plan_costs(rows, ISA, TRUE, **caches))
    disturbed = slots * 0.37 * np.exp(noise * np.random.default_rng(0).standard_normal(len(rows)))
    ns = _core.PROFILE_COLUMNS.index("ns")
    for row, time in zip(rows, disturbed, strict=True):
        row[ns] = round(float(time) * 1000)
    shown = {"cpu": "made-up", "cpu_name": "A made-up CPU", "isa": ISA, "columns": _core.PROFILE_COLUMNS}
    return {"secateur_cost_measurements": 1, **shown, **caches, "plans": rows}


def test_constants_are_found_again() -> None:
    exact, error = fitted(data())
    assert error < 0.02
    for name, value in TRUE.items():
        assert exact[name] == pytest.approx(value, rel=0.15), name
    noisy, error = fitted(data(0.05))
    assert 0.03 < error < 0.07
    assert noisy["strip"] == pytest.approx(40, rel=0.3)
    assert noisy == fitted(data(0.05))[0]  # digit by digit


def test_what_is_not_free_stays() -> None:
    start = {"a": 1.0, "b": 5.0}
    found, _ = fit(lambda c: [c["a"] + c["b"] * n for n in (0, 1, 2)], [4.0, 9.0, 14.0], start, ["a"])
    assert found["b"] == 5.0
    assert found["a"] == pytest.approx(4, rel=0.03)
    assert error_of([2.0, 4.0], [1.0, 2.0]) == pytest.approx(0)


def test_a_table_says_where_it_comes_from_and_agrees_with_that() -> None:
    measured = data()
    text = table_text(measured, "benchmarks/results/made-up.json")
    constants, named = read_table(text)
    assert named == "benchmarks/results/made-up.json"
    assert set(constants) == set(_core.shipped_costs(ISA))
    assert agrees(text, measured)
    assert not agrees(text.replace("SCT_COST(strip, ", "SCT_COST(strip, 1"), measured)


def test_every_shipped_table_is_what_its_measurements_give() -> None:
    """Those of which none were kept say so; none may name a file that is not there."""
    tables = sorted((ROOT / "csrc" / "machine" / "costs").glob("*.inc"))
    assert tables
    for path in tables:
        text = path.read_text()
        constants, named = read_table(text)
        assert constants, path
        if named is None:
            assert "not kept" in text or "No Arm core was timed" in text, path
        else:
            assert agrees(text, json.loads((ROOT / named).read_text())), path


def test_other_files_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="no measurements of plans"):
        fitted({"plans": []})
    with pytest.raises(InvalidArgumentError, match="other columns"):
        fitted({**data(), "columns": ["in"]})
    with pytest.raises(InvalidArgumentError, match="reads no constant 'nonsense'"):
        _core.plan_costs([], ISA, {"nonsense": 1.0})
    with pytest.raises(InvalidArgumentError, match="another number of columns"):
        _core.plan_costs([[1, 2]], ISA)
