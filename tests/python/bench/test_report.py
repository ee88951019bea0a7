"""Documents, tables and plots of results made of fake engines."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from secateur.bench.harness import measure
from secateur.bench.machine import machine, versions
from secateur.bench.plots import save_all
from secateur.bench.report import Result, document, notes, table, write_json
from secateur.bench.workload import Workload
from secateur.errors import SaveError

sys.path.insert(0, str(Path(__file__).parent))
from fakes import FakeEngine


def layers(scale: int) -> list[dict[str, Any]]:
    return [{"name": n, "op": "Conv", "kernel": "k", "median_ns": scale * i, "min_ns": 1, "macs": 1}
            for i, n in enumerate("abc", 1)]  # fmt: skip


@pytest.fixture
def results() -> list[Result]:
    made = []
    for sparsity in (0.0, 0.9):
        workload = Workload("net", torch.nn.ReLU(), (np.ones((1, 2), np.float32),), sparsity)
        engines = [
            FakeEngine("secateur", [], base=100_000),
            FakeEngine("torch", [], base=400_000),
            FakeEngine("onnxruntime", [], base=200_000),
            FakeEngine("litert", [], missing="pip install it"),
            FakeEngine("tflite", [], offset=5.0),
        ]
        outcomes = measure(engines, workload, samples=5, warmup=0)
        made.append(
            Result(workload, 1, outcomes, layers(10) if sparsity else [], layers(30) if sparsity else [])
        )
    return made


def shown(thing: Any) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(thing)
    return console.export_text()


def test_fastest_rival_is_the_fastest_that_answered_right(results: list[Result]) -> None:
    rival = results[1].fastest_rival()
    assert rival is not None
    assert rival[0] == "ONNXRUNTIME"
    assert results[1].median("litert") is None


def test_table(results: list[Result]) -> None:
    text = shown(table(results[1]))
    assert "4.00×" in text  # PyTorch's 400 over secateur's 100
    assert "2.00×" in text
    assert "not installed" in text
    assert "refused" in text


def test_notes_name_each_engine_once(results: list[Result]) -> None:
    lines = notes(results)
    assert sum("LITERT" in line for line in lines) == 1
    assert sum("TFLITE on net" in line for line in lines) == 2


def test_document_round_trips(results: list[Result], tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.json"
    write_json(path, document(results))
    read = json.loads(path.read_text())
    assert read["schema"] == "secateur-bench/1"
    assert read["machine"]["cores"] >= 1
    assert read["versions"]["numpy"] == np.__version__
    entry = read["results"][1]
    assert (entry["network"], entry["sparsity"], entry["threads"]) == ("net", 0.9, 1)
    by_name = {e["engine"]: e for e in entry["engines"]}
    assert by_name["secateur"]["stats_ns"]["count"] == 5
    assert len(by_name["torch"]["samples_ns"]) == 5
    assert by_name["tflite"]["status"] == "refused"


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError):
        write_json(tmp_path / "file" / "results.json", {})


def test_plots(results: list[Result], tmp_path: Path) -> None:
    names = sorted(p.name for p in save_all(results, tmp_path))
    assert names == ["latency-net-1t.svg", "layers-net-90-1t.svg"]
    assert "<svg" in (tmp_path / names[0]).read_text()


def test_machine_and_versions() -> None:
    facts = machine()
    assert facts["cpu"]
    assert json.dumps(facts)
    assert versions()["torch"] == torch.__version__
