"""`secateur quantize`, and `secateur compile` with fewer bits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from secateur.passes import Quantization

Run = Callable[..., Result]

LOADER = """
import numpy as np
rng = np.random.default_rng(0)
batches = [(rng.standard_normal((2, 3, 8, 8)).astype(np.float32), 7) for _ in range(3)]

def make():
    return iter(batches)
"""


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("calibration")
    x = np.random.default_rng(0).standard_normal((6, 3, 8, 8)).astype(np.float32)
    np.save(path / "x.npy", x)
    np.savez(path / "x.npz", x=x)
    np.savez(path / "two.npz", a=x, b=x)
    (path / "loader.py").write_text(LOADER)
    return path


@pytest.mark.parametrize("given", ["x.npy", "x.npz", "loader.py:batches", "loader.py:make"])
def test_quantize_writes_a_description(
    run: Run, pruned: Path, calibration: Path, tmp_path: Path, given: str
) -> None:
    words = ("quantize", pruned, "--calibration", calibration / given, "-o", tmp_path / "q.json")
    text = run(*words, "--keep", "0", "--method", "minmax", "--no-keep-outputs").stdout
    assert "2 of 3 layers in i8, by minmax over 6 batches" in text
    q = Quantization.load(tmp_path / "q.json")
    assert [layer.dtype for layer in q.layers.values()] == ["f32", "i8", "i8"]


def test_quantize_json_and_sensitivity(run: Run, pruned: Path, calibration: Path, tmp_path: Path) -> None:
    words = ("quantize", pruned, "--calibration", calibration / "x.npy", "-o", tmp_path / "q.json")
    printed = json.loads(run(*words, "--json", "--sensitivity").stdout)
    assert printed["samples"] == 6
    assert set(printed["layers"]) == {"0", "2", "4"}
    assert set(printed["sensitivity"]) == {"0", "2"}  # 4 makes the output
    assert 0 < printed["expected_error"]["output"] < 0.1
    assert "of the output when it alone is in int8" in run(*words, "--sensitivity").stdout


@pytest.mark.parametrize(
    ("given", "output", "message"),
    [
        ("none.npy", "q.json", "cannot be read"),
        ("two.npz", "q.json", "has no 'input'; its names are a, b"),
        ("loader.py:nothing", "q.json", "has nothing called 'nothing'"),
        ("loader", "q.json", "is no calibration set"),
        ("x.npy", "q.txt", "should end in .json"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, pruned: Path, calibration: Path, tmp_path: Path, given: str, output: str, message: str
) -> None:
    words = ("quantize", pruned, "--calibration", calibration / given, "-o", tmp_path / output)
    assert message in " ".join(run(*words, status=1).stderr.split())


@pytest.mark.parametrize(("dtype", "share"), [("int8", 0.6), ("float16", 0.8)])
def test_compile_stores_weights_in_fewer_bytes(
    run: Run, pruned: Path, model: Path, tmp_path: Path, dtype: str, share: float
) -> None:
    path = tmp_path / "m.sct"
    words = ("compile", pruned, "-o", path, "--weights", dtype, "--json")
    report = " ".join(json.loads(run(*words).stdout)["report"])
    assert f"as {dtype}" in report
    assert "from f32 (root mean square)" in report
    stored, before = (
        json.loads(run("inspect", m, "--json").stdout)["totals"]["stored_bytes"] for m in (path, model)
    )
    assert stored < share * before


def test_verify_says_how_far_narrow_weights_are(run: Run, pruned: Path, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.sct"
    run("compile", pruned, "-o", path, "--weights", "int8")
    words = ("verify", path, "--against", pruned)
    assert "has int8 layers or narrow weights: its outputs are 0." in run(*words).stdout
    printed = json.loads(run(*words, "--json").stdout)
    assert printed["matches"]
    assert 0 < printed["relative_rms_err"] < 0.02
    said = run(*words, "--within", "0.0001", status=1).stderr
    assert "from what it should be, allowed is 0.0%" in " ".join(said.split())
    run("verify", path, "--against", f"{folder}/net.py:make", "--within", "0.02", status=1)
    text = run("inspect", path).stdout
    assert "f32, i8 stored" in " ".join(text.split())


def test_bad_words_of_compile(run: Run, pruned: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.sct"
    said = run("compile", pruned, "-o", path, "--weights", "int4", status=1).stderr
    assert "weights are stored as float32, float16, int8, not 'int4'" in " ".join(said.split())
    said = run("compile", pruned, "-o", path, "--quantize", tmp_path / "none.json", status=1).stderr
    assert "no description stands at" in said
