"""What becomes of the kernel benchmarks' JSON, and of the masks they run on."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

KERNELS = Path(__file__).resolve().parents[3] / "benchmarks" / "kernels"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"kernel_{name}", KERNELS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look it up
    spec.loader.exec_module(module)
    return module


report = script("report")
masks = script("masks")


def run(name: str, **counters: Any) -> dict[str, Any]:
    return {
        "name": f"{name}/iterations:1/manual_time",
        "run_type": "iteration",
        "iterations": 1,
        "real_time": 5.0,
        "cpu_time": 1.0,
        "time_unit": "us",
        "label": "k",
        **counters,
    }


def runs() -> list[dict[str, Any]]:
    made = [
        run("core/avx2/fma", gflops=100.0),
        run("core/avx2/read/L1", **{"GB/s": 200.0, "KB": 16.0}),
        run("core/avx2/read/memory", **{"GB/s": 20.0, "KB": 1e5}),
    ]
    for layer, share in (("a/1->2@4x4k1s1", 0.5), ("b/2->2@4x4k3s1", 0.72)):
        made.append(run(f"spmm/avx2/dense/0/{layer}", share=0.9, gflops=90.0, speedup=1.0))
        made.append(run(f"spmm/avx2/csr/60/{layer}", share=share, gflops=50.0, speedup=2 * share - 0.1))
        made.append(run(f"spmm/avx2/csr/90/{layer}", share=share, gflops=50.0, speedup=4.0))
    for share in (0.6, 0.4):
        counters = {"share": share, "random_share": 0.5, "ratio": share / 0.5, "sparsity": 0.9}
        made.append(run(f"masks/avx2/rn50-vd/90/l{share}", positions=49.0, **counters))
    made.append(run("masks/avx2/rn50-vd/90/head", positions=1.0, share=1.0, ratio=9.0))
    weights = {"GB/s": 12.0, "bound": 100.0, "share": 0.12, "bytes": 6.0}
    made.append(run("spmv/avx2/csr/90/L3/8->8", **weights))
    made.append(run("depthwise/avx2/3x3s1/8@9x9", gflops=50.0, share=0.5, stream=0.2))
    made.append(run("attention/avx2/6x64@128", gflops=50.0, share=0.5))
    made.append(run("movement/avx2/relu/8x9x9", **{"GB/s": 50.0, "bound": 100.0, "share": 0.5}))
    made.append(run("movement/avx2/broken/8x9x9", error_occurred=True, error_message="no"))
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    context = {"cpu": "a CPU", "compiler": "12"}
    (tmp_path / "all.json").write_text(json.dumps({"context": context, "benchmarks": runs()}))
    (tmp_path / "other.json").write_text('{"schema": "something else"}')
    return tmp_path


def test_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(folder)]) == 0
    text = capsys.readouterr().out
    assert text.strip() == (folder / "kernels.md").read_text().strip()
    assert "| avx2 | 100 | 200 | 20 |" in text
    assert "geometric mean of 2 layers" in text
    assert "| avx2 csr |  | 60 | 60 |" in text  # sqrt(0.5 * 0.72) = 0.6: the bar is met
    assert "| avx2 csr | 1.10 (0.90) | 4.00 (4.00) |" in text
    assert "Not faster than dense at 60 or 70%: avx2 csr 60 a 1->2@4x4k1s1 0.90." in text
    # The head has one position: not of this table.
    assert "| avx2 rn50-vd 90% | 2 | 90 | 49 | 50 | 0.98 | 0.80 |" in text
    assert "| avx2 csr 90 8->8 | L3 | 5.0 | 6.00 | 12 | 100 | 12 | 60* |  |" in text
    assert "broken" not in text
    assert "<svg" in (folder / "share-of-peak-avx2.svg").read_text()


def test_a_star_marks_what_is_below_the_bar(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads((folder / "all.json").read_text())
    for row in document["benchmarks"]:
        if "csr/90" in row["name"] and row["name"].startswith("spmm"):
            row["share"] = 0.59
    (folder / "all.json").write_text(json.dumps(document))
    report.main([str(folder)])
    assert "| avx2 csr |  | 60 | 59* |" in capsys.readouterr().out


def test_the_fastest_of_several_passes_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slower = [run("attention/avx2/6x64@128", gflops=20.0, share=0.2), run("core/avx2/fma", gflops=90.0)]
    slower[0]["real_time"] = 12.0
    (folder / "a-later-pass.json").write_text(json.dumps({"context": {}, "benchmarks": slower}))
    report.main([str(folder)])
    text = capsys.readouterr().out
    assert "| avx2 6x64@128 | 5.0 | 50 | 50 |" in text
    assert "| avx2 6x64@128 | 12.0" not in text
    assert "| avx2 | 100 | 200 | 20 |" in text


def test_nothing_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(tmp_path)]) == 1
    assert "no kernel benchmarks" in capsys.readouterr().err


def test_masks_are_written_channels_first(tmp_path: Path) -> None:
    name = "rn50/magnitude_pruning/0.9/bottleneck_2_block_group4_1_1"
    dense = np.zeros((2, 3, 3, 4), bool)  # rows, r, s, channels: TensorFlow's order of columns
    dense[0, 1, 2, 3] = dense[0, 0, 1, 0] = dense[1, 2, 2, 1] = True
    _, columns = np.nonzero(dense.reshape(2, 36))
    archive = tmp_path / "dlmc.npz"
    np.savez(
        archive,
        **{
            "names": np.array([name]),
            f"{name}|shape": np.array([2, 36]),
            f"{name}|indptr": np.array([0, 2, 3]),
            f"{name}|indices": columns,
        },
    )
    out = tmp_path / "masks.bin"
    assert masks.main([str(archive), str(out)]) == 0
    header, line, rest = out.read_bytes().split(b"\n", 2)
    assert header == b"secateur masks 1"
    assert line == b"rn50-magnitude_pruning/90/bottleneck_2_block_group4_1_1 4 2 7 7 3 1 3"
    numbers = np.frombuffer(rest, "<i4")
    assert numbers[:2].tolist() == [2, 1]
    expected = dense.transpose(0, 3, 1, 2).reshape(2, 36)
    assert numbers[2:].tolist() == np.nonzero(expected)[1].tolist()


def test_masks_of_a_missing_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert masks.main([str(tmp_path / "none.npz"), str(tmp_path / "out")]) == 1
    assert "no file" in capsys.readouterr().err
