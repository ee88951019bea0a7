"""`secateur new app`: what it writes, what the Python one computes, and what is refused. test_app_builds.py
builds the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from app_reference import CLASSES, lines_of, picture, reference_scores, small_model, write_ppm
from typer.testing import CliRunner, Result

import secateur
import secateur as sct
import secateur._core
from secateur.apps import KINDS
from secateur.cli.app import app
from secateur.runtime.examples import relu_model

Run = Callable[..., Result]
LABELS = "".join(f"kind {i}\n" for i in range(CLASSES))


@pytest.fixture
def run() -> Run:
    def invoke(*words: Any, status: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == status, (result.stdout, result.stderr, result.exception)
        return result

    return invoke


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("model") / "small.sct")


def test_the_models_own_labels(model: Path, tmp_path: Path) -> None:
    """A label is a line, whatever stands in it; a file given by hand comes first."""
    labels = ["cat", "two\nlines", *(f"kind {i}" for i in range(2, CLASSES))]
    network = torch.nn.Sequential(torch.nn.Conv2d(3, CLASSES, 3), torch.nn.AdaptiveAvgPool2d(1))
    kept = tmp_path / "kept.sct"
    sct.compile(network, torch.zeros(1, 3, 8, 8), metadata={"labels": labels}).save(kept)
    secateur.apps.new_app(tmp_path / "one", "c", kept)
    written = (tmp_path / "one" / KINDS["c"] / "labels.txt").read_text().splitlines()
    assert written == ["cat", "two lines", *labels[2:]]
    (tmp_path / "kinds.txt").write_text(LABELS)
    secateur.apps.new_app(tmp_path / "two", "c", kept, tmp_path / "kinds.txt")
    assert (tmp_path / "two" / KINDS["c"] / "labels.txt").read_text() == LABELS
    secateur.apps.new_app(tmp_path / "three", "c", model)
    assert not (tmp_path / "three" / KINDS["c"] / "labels.txt").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_whole(run: Run, model: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "kinds.txt").write_text(LABELS)
    folder = tmp_path / "my-app"
    words = (
        "new",
        "app",
        folder,
        "--kind",
        kind,
        "--model",
        model,
        "--labels",
        tmp_path / "kinds.txt",
        "--json",
    )
    told = json.loads(run(*words).stdout)
    files = sorted(str(path) for path in folder.rglob("*") if path.is_file())
    assert told == {"app": "my-app", "kind": kind, "files": files}
    assert (folder / KINDS[kind] / "model.sct").read_bytes() == model.read_bytes()
    assert (folder / KINDS[kind] / "labels.txt").read_text() == LABELS
    texts = {path: path.read_text() for path in folder.rglob("*") if path.is_file() and path.suffix != ".sct"}
    assert not [path for path, text in texts.items() if "@NAME@" in text or "@VERSION@" in text]
    assert "my-app" in texts[folder / "README.md"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def bare(tmp_path: Path) -> dict[str, str]:
    """An environment with NumPy and secateur and nothing else."""
    site = tmp_path / "site"
    site.mkdir()
    numpy = Path(np.__file__).parent
    for package in (numpy, numpy.with_name("numpy.libs")):
        if package.exists():
            (site / package.name).symlink_to(package)
    (site / "secateur").mkdir()
    compiled = Path(secateur._core.__file__)  # beside the sources, or where an editable installation has it
    for part in {
        compiled.name: compiled,
        **{p.name: p for p in Path(secateur.__file__).parent.iterdir()},
    }.values():
        (site / "secateur" / part.name).symlink_to(part)
    return {"PYTHONPATH": str(site), "PATH": os.environ["PATH"], "SECATEUR_PROFILE": "none"}


def test_the_python_app_in_a_bare_environment(run: Run, model: Path, tmp_path: Path) -> None:
    run("new", "app", tmp_path / "see", "--kind", "python", "--model", model)
    (tmp_path / "see" / "labels.txt").write_text(LABELS)
    frames = [picture(19, 31, seed=0), picture(40, 9, seed=1)]
    for number, frame in enumerate(frames):
        write_ppm(tmp_path / f"{number}.ppm", frame)
    environment = bare(tmp_path)

    def see(*words: str, **how: Any) -> subprocess.CompletedProcess[Any]:
        command = [sys.executable, "-S", "app.py", *words]  # -S: no site-packages
        return subprocess.run(
            command, cwd=tmp_path / "see", env=environment, capture_output=True, check=False, **how
        )

    absent = [sys.executable, "-S", "-c", "import torch"]
    assert subprocess.run(absent, env=environment, capture_output=True, check=False).returncode != 0
    scores = [reference_scores(frame) for frame in frames]
    done = see("model.sct", str(tmp_path / "0.ppm"), "labels.txt")
    assert done.returncode == 0, done.stderr
    assert lines_of(done.stdout.decode(), scores[0], LABELS.splitlines()) == 5
    # A stream of frames, of any sizes, with a comment in a header.
    stream = (tmp_path / "0.ppm").read_bytes()
    stream += (tmp_path / "1.ppm").read_bytes().replace(b"P6\n", b"P6\n# a camera\n")
    done = see("model.sct", "-", input=stream)
    first, second = (b"\n".join(done.stdout.splitlines()[i : i + 5]).decode() for i in (0, 5))
    assert lines_of(first, scores[0], []) == lines_of(second, scores[1], []) == 5
    for data, sentence in (
        (stream[:-1], b"cut short"),
        (b"P5 1 1 255\n0", b"not a binary PPM"),
        (b"P6 1", b"PPM"),
    ):
        done = see("model.sct", "-", input=data)
        assert done.returncode == 1
        assert done.stderr.startswith(b"see: ")
        assert sentence in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert b"absent.sct" in see("absent.sct", str(tmp_path / "0.ppm")).stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["there", "--kind", "c", "--model", "{model}"], "is there already"),
        (["no/such/app", "--kind", "c", "--model", "{model}"], "does not exist"),
        (["1st", "--kind", "c", "--model", "{model}"], "a letter, then letters"),
        (["test", "--kind", "c", "--model", "{model}"], "take another name"),
        (["new", "--kind", "rust", "--model", "{model}"], "there are c, cpp, python, android"),
        (["new", "--kind", "c", "--model", "absent.sct"], "absent.sct"),
        (["new", "--kind", "c", "--model", "{relu}"], "an app takes one picture"),
        (["new", "--kind", "c", "--model", "{model}", "--labels", "absent.txt"], "no file of labels"),
    ],
)
def test_bad_input_writes_nothing(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    (tmp_path / "relu.sct").write_bytes(relu_model((1, 2, 3, 5)))
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    names = {"model": model, "relu": "relu.sct"}
    result = run("new", "app", *(word.format(**names) for word in words), status=1)
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["relu.sct", "there"]
