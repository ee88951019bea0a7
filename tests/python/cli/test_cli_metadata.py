"""`secateur compile --metadata` and `--labels`; what `inspect` shows of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

import secateur as sct
from secateur.cli.metadata import said_of_model
from secateur.errors import InvalidArgumentError

Run = Callable[..., Result]


def test_compile_keeps_and_inspect_shows(run: Run, tmp_path: Path) -> None:
    network = tmp_path / "small.py"
    network.write_text(
        "import torch\n\ndef make():\n    return torch.nn.Linear(4, 2).eval(), torch.ones(1, 4)\n"
    )
    (tmp_path / "kinds.txt").write_text("cat\ndog, big\n")
    words = ("--labels", tmp_path / "kinds.txt", "--metadata", "mean=0.5,0.25", "--metadata", "by=me=you")
    path = tmp_path / "m.sct"
    run("compile", f"{network}:make", "-o", path, *words)
    kept = {"mean": [0.5, 0.25], "by": "me=you", "labels": ["cat", "dog, big"]}
    assert sct.Session(path).metadata == kept
    assert json.loads(run("inspect", path, "--json").stdout)["metadata"] == kept
    shown = run("inspect", path).stdout
    for line in ("labels: 2, 'cat', 'dog, big'", "mean: 2, 0.5, 0.25", "by: 'me=you'"):
        assert line in shown


def test_what_is_wrong_is_told_before_anything_is_loaded(run: Run, tmp_path: Path) -> None:
    def told(*words: Any) -> str:
        result = run("compile", "nowhere.py:make", "-o", tmp_path / "m.sct", *words, status=1)
        return " ".join(result.stderr.split())

    assert "--metadata is given as KEY=VALUE, not 'mean'" in told("--metadata", "mean")
    assert "gives 'a' twice" in told("--metadata", "a=1", "--metadata", "a=2")
    assert "is a text, a number or a list of them, not nan" in told("--metadata", "a=nan")
    assert "No such file" in told("--labels", tmp_path / "none.txt")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in told("--labels", tmp_path / "bad.txt")
    assert "not by both" in told("--labels", tmp_path / "bad.txt", "--metadata", "labels=a")


def test_values() -> None:
    assert said_of_model(["a=1", "b=1,x", "c="], None) == {"a": 1.0, "b": "1,x", "c": ""}
    with pytest.raises(InvalidArgumentError):
        said_of_model(["=1"], None)
