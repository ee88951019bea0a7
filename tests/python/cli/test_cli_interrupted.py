"""The command interrupted, or stopped by a full disk: what was there, or measured, is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Run = Callable[..., Result]


def test_an_old_file_survives_a_failed_write(
    run: Run, pruned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    path = tmp_path / "m.sct"
    path.write_bytes(b"what stood here")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left on device" in run("compile", pruned, "-o", path, status=1).stderr
    assert path.read_bytes() == b"what stood here"
    assert list(tmp_path.iterdir()) == [path]


def test_interrupt_is_quiet(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import secateur

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(secateur, "Session", interrupted)
    result = run("inspect", model, status=130)
    assert result.stderr == "secateur: interrupted\n"


def test_an_interrupted_run_keeps_what_it_measured(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secateur.runtime import Session

    original, calls = Session.run, []

    def interrupts(self: Session, *inputs: Any) -> Any:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return original(self, *inputs)

    monkeypatch.setattr(Session, "run", interrupts)
    result = run("run", model, "--warmup", 1, "--repeat", 50, "--json", status=130)
    printed = json.loads(result.stdout)
    assert printed["interrupted"]
    assert printed["stats_ns"]["count"] == 3
    calls.clear()
    monkeypatch.setattr(Session, "run", original)
    assert not json.loads(run("run", model, "--json").stdout)["interrupted"]


def test_an_interrupted_benchmark_keeps_what_it_measured(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secateur.bench import harness

    original, calls = harness.measure, []

    def interrupts(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(harness, "measure", interrupts)
    words = (
        "bench",
        "--model",
        f"{folder}/net.py:make",
        "--sparsity",
        "0,0.9",
        "--samples",
        2,
        "--warmup",
        0,
    )
    result = run(*words, "--engine", "torch", "--out", tmp_path, "--json", status=130)
    printed = json.loads(result.stdout)
    assert printed["interrupted"]
    assert [r["sparsity"] for r in printed["results"]] == [0.0]
    assert len(json.loads((tmp_path / "results.json").read_text())["results"]) == 1
    assert list(tmp_path.glob("latency-*.svg"))
