"""What is kept of a machine: gathered from raw runs, drawn by a command, and cited truly."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
KEPT = ROOT / "benchmarks" / "results"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kept_results", ROOT / "benchmarks" / "results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


results = script()


def workload(sparsity: float, median: int) -> dict[str, Any]:
    def engine(name: str, samples: list[int]) -> dict[str, Any]:
        return {
            "engine": name, "label": name, "threads": 1, "status": "ok", "message": "",
            "max_abs_err": 0.0, "tolerance": 1.0, "stats_ns": {"median": samples[1]}, "samples_ns": samples,
        }  # fmt: skip

    layer = {"name": "a", "op": "Conv", "kernel": "k", "median_ns": 5, "min_ns": 1, "macs": 1}
    return {
        "network": "Net 1", "sparsity": sparsity, "pattern": "element", "weights": "random weights",
        "input_shapes": [[1, 3]], "threads": 1,
        "engines": [engine("secateur", [median - 1, median, median + 1]), engine("torch", [90, 100, 110])],
        "layers": [layer], "dense_layers": [layer] if sparsity else [],
    }  # fmt: skip


def kernel_pass(us: float, peak: float) -> dict[str, Any]:
    def row(name: str, us: float, **counters: float) -> dict[str, Any]:
        return {"name": f"{name}/iterations:1/manual_time", "real_time": us, "cpu_time": 1.0, "label": "k",
                "time_unit": "us", "threads": 1, **counters}  # fmt: skip

    return {
        "context": {"cpu": "a CPU", "compiler": "12"},
        "benchmarks": [
            row("core/avx2/fma", 0.001, gflops=peak),
            row("spmm/avx2/csr/90/net/1->2@4x4k1s1", us, share=1 / us, speedup=2.0),
        ],
    }


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    (folder / "kernels").mkdir(parents=True)
    (folder / "two-threads").mkdir()
    document = {
        "schema": "secateur-bench/1",
        "machine": {"cpu": "a"},
        "results": [workload(0.0, 50), workload(0.9, 20)],
    }
    (folder / "results.json").write_text(json.dumps(document))
    (folder / "two-threads" / "results.json").write_text(json.dumps({**document, "results": []}))
    (folder / "kernels" / "spmm-1.json").write_text(json.dumps(kernel_pass(2.0, 100.0)))
    (folder / "kernels" / "spmm-2.json").write_text(json.dumps(kernel_pass(1.6, 99.0)))
    return folder


def test_gather_keeps_samples_and_the_faster_pass(raw: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "machine.json"
    assert results.main(["gather", str(raw), "-o", str(kept)]) == 0
    document = json.loads(kept.read_text())
    assert document["runs"][""] == json.loads((raw / "results.json").read_text())
    assert document["runs"]["two-threads"]["results"] == []
    assert document["kernels"]["rows"] == [
        ["core/avx2/fma", 0.001, {"gflops": 100.0}, "k"],
        ["spmm/avx2/csr/90/net/1->2@4x4k1s1", 1.6, {"share": 0.625, "speedup": 2.0}, "k"],
    ]


def test_render_draws_what_the_raw_files_would(raw: Path, tmp_path: Path) -> None:
    kept = tmp_path / "machine.json"
    results.main(["gather", str(raw), "-o", str(kept)])
    out = tmp_path / "out"
    assert results.main(["render", str(kept), "-o", str(out)]) == 0
    drawn = sorted(str(path.relative_to(out / "machine")) for path in out.rglob("*") if path.is_file())
    plots = ["latency-net-1-1t.svg", "layers-net-1-90-1t.svg"]
    assert drawn == ["kernels/kernels.md", "kernels/share-of-peak-avx2.svg", *plots]
    assert "<svg" in (out / "machine" / plots[0]).read_text()
    results.kernels.main([str(raw / "kernels")])
    direct = (raw / "kernels" / "kernels.md").read_text()
    assert (out / "machine" / "kernels" / "kernels.md").read_text() == direct
    assert "| avx2 | 100 |" in direct


def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert results.main(["gather", str(tmp_path), "-o", str(tmp_path / "o.json")]) == 1
    assert "no results.json" in capsys.readouterr().err
    assert not (tmp_path / "o.json").exists()
    foreign = tmp_path / "foreign.json"
    for text in ('{"schema": "other"}', "{", "3"):
        foreign.write_text(text)
        assert results.main(["render", str(foreign), "-o", str(tmp_path)]) == 1
        assert "foreign.json" in capsys.readouterr().err


def test_only_data_is_kept() -> None:
    files = sorted(KEPT.iterdir())
    assert files
    assert {path.suffix for path in files} == {".json"}


def test_the_readme_cites_the_kept_medians() -> None:
    """Every figure of the README's table, from the samples."""
    readme = (ROOT / "README.md").read_text()
    cited = re.search(r"benchmarks/results/[\w.-]+\.json", readme)
    assert cited is not None
    medians: dict[tuple[str, float, str], float] = {}
    for entry in json.loads((ROOT / cited[0]).read_text())["runs"][""]["results"]:
        for engine in entry["engines"]:
            if engine["samples_ns"]:
                key = (entry["network"].split()[0].rstrip(","), entry["sparsity"], engine["engine"])
                medians[key] = float(np.median(engine["samples_ns"])) / 1e6
    names = {"MobileNetV1": "MobileNetV1", "MobileNetV2": "MobileNetV2", "ResNet-50": "ResNet-50"}
    names["transformer encoder"] = "Encoder"
    checked = 0
    for title, name in names.items():
        row = re.search(rf"^\| {title}, [^|]*\|(.*)\|$", readme, re.M)
        assert row is not None, title
        cells = [cell.strip() for cell in row[1].split("|")]
        for cell, sparsity in zip(cells[:3], (0.0, 0.8, 0.9), strict=True):
            digits = len(cell.partition(".")[2])
            assert f"{medians[name, sparsity, 'secateur']:.{digits}f}" == cell, (title, sparsity)
            checked += 1
    assert checked == 12


def test_the_table_of_arm_counts_is_the_kept_one(tmp_path: Path) -> None:
    results.render(KEPT / "arm_counts.json", tmp_path)
    table = (tmp_path / "arm_counts.md").read_text().strip()
    pages = [path.read_text() for path in (ROOT / "docs").rglob("*.md")]
    assert any(table in page for page in pages)
