"""What each verb says of bad input: one sentence, and no file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["inspect", "absent.sct"], "absent.sct"),
        (["inspect", "{net}"], "not a secateur model"),
        (["inspect", "{folder}"], "{folder}"),
        (["run", "absent.sct"], "absent.sct"),
        (["run", "{model}", "--input", "absent.npy"], "no array at absent.npy"),
        (["run", "{model}", "--input", "{net}"], "not a .npy file"),
        (["run", "{model}", "--output", "a.npy", "--output", "b.npy"], "1 outputs"),
        (["compile", "absent.pt2", "-o", "{folder}/x.sct"], "no exported program at absent.pt2"),
        (["compile", "{net}:make", "-o", "x.bin"], "should end in .sct"),
        (["compile", "{net}:make", "-o", "/no/such/folder/x.sct"], "does not exist"),
        (["compile", "{net}:make", "-o", "{folder}/x.sct", "--target", "abacus"], "abacus"),
        (["compile", "{net}:make", "-o", "{folder}/x.sct", "--input-shape", "1,x"], "not a shape"),
        (["compile", "{net}:strange", "-o", "{folder}/x.sct"], "histc"),
        (["compile", "lenet", "-o", "{folder}/x.sct"], "lenet"),
        (["verify", "{model}", "--against", "absent.pt2"], "no exported program"),
        (["prune", "{net}:make", "--recipe", "absent.toml", "-o", "{folder}/y.pt2"], "absent.toml"),
        (["prune", "{net}:make", "--recipe", "{net}", "-o", "{folder}/y.pt2"], "net.py"),
        (["bench", "--network", "lenet"], "the zoo has no 'lenet'"),
        (["bench", "--sparsity", "90"], "--sparsity takes numbers from 0"),
        (["bench", "--threads", "two"], "--threads takes numbers"),
        (["bench", "--engine", "abacus"], "no engine is called 'abacus'"),
        (["bench", "--engine-python", "litert"], "--engine-python takes NAME=PATH"),
        (["bench", "--checkpoint", "w.pt"], "--checkpoint goes with one"),
        (["demo", "--checkpoint", "w.pt"], "--checkpoint takes NAME=PATH"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, folder: Path, model: Path, words: list[str], sentence: str
) -> None:
    names = {"net": folder / "net.py", "folder": folder, "model": model}
    result = run(*(word.format(**names) for word in words), status=1)
    assert result.stderr.startswith("secateur: error: ")
    assert sentence.format(**names) in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 3, result.stderr
    assert not (folder / "x.sct").exists()
    assert not (folder / "y.pt2").exists()


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["inspect", "--frob"], ["run", "m.sct", "--threads", "-1"]]
)
def test_usage_errors_are_status_2(run: Run, words: list[str]) -> None:
    assert "Error" in run(*words, status=2).stderr


@pytest.mark.parametrize("kept", [0, 1, 7, 64, 500, -1])
def test_truncated_files(run: Run, model: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.sct"
    path.write_bytes(model.read_bytes()[:kept])
    for verb in ("inspect", "run"):
        result = run(verb, path, status=1)
        assert result.stderr.startswith("secateur: error: ")
        assert "cut.sct" in result.stderr


def test_flipped_bits(run: Run, model: Path, tmp_path: Path) -> None:
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 0x10
    (tmp_path / "bent.sct").write_bytes(data)
    assert "bent.sct" in run("inspect", tmp_path / "bent.sct", status=1).stderr


def test_arrays_of_the_wrong_kind(run: Run, model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "shape.npy", np.zeros((1, 3, 8, 9), np.float32))
    np.save(tmp_path / "dtype.npy", np.zeros((1, 3, 8, 8), np.float64))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "shape" in run("run", model, "--input", tmp_path / "shape.npy", status=1).stderr
    assert "float32" in run("run", model, "--input", tmp_path / "dtype.npy", status=1).stderr
    assert "not a .npy file" in run("run", model, "--input", tmp_path / "object.npy", status=1).stderr


def test_debug_shows_the_traceback(run: Run) -> None:
    result = run("--debug", "inspect", "absent.sct", status=1)
    assert "Traceback" in result.stderr
    assert "ModelNotFoundError" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "absent.sct", "--json"],
        ["run", "absent.sct", "--json"],
        ["verify", "{model}", "--against", "absent.pt2", "--json"],
        ["compile", "absent.pt2", "-o", "{folder}/x.sct", "--json"],
        ["bench", "--network", "lenet", "--json"],
    ],
)
def test_errors_are_json_where_json_was_asked_for(
    run: Run, folder: Path, model: Path, words: list[str]
) -> None:
    result = run(*(word.format(folder=folder, model=model) for word in words), status=1)
    error = json.loads(result.stdout)["error"]
    assert error["status"] == 1
    assert error["type"] in {"ModelNotFoundError", "InvalidArgumentError"}
    assert error["message"] in result.stderr


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': 'f4', 'shape': (",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1180591620717411303424), }",
        b"\xff\n",
    ],
)
def test_arrays_with_a_broken_header(run: Run, model: Path, tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "x.npy" in run("run", model, "--input", path, status=1).stderr


def test_a_pipe_is_no_array(run: Run, model: Path, tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "x.npy")
    assert "a pipe" in run("run", model, "--input", tmp_path / "x.npy", status=1).stderr


def test_no_memory_for_a_session_is_the_documented_error(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import secateur as sct
    from secateur import _core

    def full(*args: Any, **kwargs: Any) -> None:
        raise MemoryError

    for part in ("Session", "Model"):
        monkeypatch.setattr(_core, part, full)
        with pytest.raises(sct.errors.RuntimeUnavailableError, match="no memory"):
            sct.Session(model)
