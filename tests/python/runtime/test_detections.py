"""Boxes out of a detector's output: against plain loops, and the two examples on a network whose answer is
known."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur.errors import InvalidArgumentError, ShapeError
from secateur.runtime.detections import detections, non_max_suppression

ROOT = Path(__file__).parents[3]


def plain_overlap(a: list[float], b: list[float]) -> float:
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    shared = w * h if w > 0 and h > 0 else 0.0
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / both if both > 0 else 0.0


@pytest.mark.parametrize("count", [0, 1, 7, 200])
@pytest.mark.parametrize("iou", [0.0, 0.3, 1.0])
def test_suppression_against_loops(count: int, iou: float) -> None:
    rng = np.random.default_rng(count)
    corner = rng.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 30, (count, 2))], 1)
    scores, kinds = rng.integers(0, 20, count) / 20, rng.integers(0, 3, count)  # some scores are equal
    kept: list[int] = []
    for i in sorted(range(count), key=lambda i: (-scores[i], i)):
        rivals = (j for j in kept if kinds[j] == kinds[i])
        if all(plain_overlap(boxes[i].tolist(), boxes[j].tolist()) <= iou for j in rivals):
            kept.append(i)
    assert non_max_suppression(boxes, scores, kinds, iou=iou).tolist() == kept
    assert non_max_suppression(boxes, scores, kinds, iou=iou, limit=2).tolist() == kept[:2]


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match=r"\[N, 4\]"):
        non_max_suppression(np.zeros((3, 5)), np.zeros(3))
    with pytest.raises(ShapeError, match="3 boxes"):
        non_max_suppression(np.zeros((3, 4)), np.zeros(2))
    with pytest.raises(InvalidArgumentError, match="iou"):
        non_max_suppression(np.zeros((3, 4)), np.zeros(3), iou=1.5)
    with pytest.raises(ShapeError, match="one image"):
        detections(np.zeros((2, 84, 9)))


class Colours(nn.Module):
    """A detector of cells of 8 pixels: the scores of its three classes are the means of red, green and blue,
    and each box is its cell, in the form that YOLOv8 puts out."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        y, x = torch.meshgrid(torch.arange(rows) * 8.0 + 4, torch.arange(columns) * 8.0 + 4, indexing="ij")
        size = torch.full_like(x, 8.0)
        self.register_buffer("boxes", torch.stack([x, y, size, size]).reshape(1, 4, -1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.boxes, F.avg_pool2d(image, 8).flatten(2)], 1)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detector") / "colours.sct"
    sct.compile(Colours(4, 6), torch.rand(1, 3, 32, 48)).save(path)
    return path


def picture(path: Path) -> None:
    """96 x 64, twice the network's input: a red cell and a blue one."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[16:32, 32:48] = (250, 0, 0)
    pixels[48:64, 80:96] = (0, 0, 200)
    Image.fromarray(pixels).save(path)


def boxes_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("class")]


def drawn(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_example_in_python(
    detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(tmp_path / "in.png")
    arguments = ["detect.py", str(detector), str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(ROOT / "examples" / "detect.py"), run_name="__main__")
    found = boxes_of(capsys.readouterr().out)
    assert [re.sub(r"score \S+", "score", line) for line in found] == [  # Pillow blurs what it makes smaller
        "class 0  score  from (32, 16) to (48, 32)",
        "class 2  score  from (80, 48) to (96, 64)",
    ]
    assert drawn(tmp_path / "out.png")[32, 40].tolist() == [255, 64, 0]


def test_example_in_cpp(detector: Path, tmp_path: Path) -> None:
    compiler = shutil.which("c++")
    built = (path for name in ("ext", "dev", "cp*") for path in ROOT.glob(f"build/{name}/csrc/libsecateur.a"))
    library = next(built, None)
    if compiler is None or library is None:
        pytest.skip("no C++ compiler, or the library is not built beside the extension")
    program = tmp_path / "detect"
    source, headers = ROOT / "examples" / "detect.cpp", ROOT / "csrc" / "include"
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{headers}"]
    subprocess.run([compiler, *flags, source, library, "-o", program, "-pthread"], check=True)
    picture(tmp_path / "in.ppm")
    command = [program, detector, tmp_path / "in.ppm", tmp_path / "out.ppm"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert boxes_of(done.stdout) == [
        "class 0  score 0.98  from (32, 16) to (48, 32)",
        "class 2  score 0.78  from (80, 48) to (96, 64)",
    ]
    before, after = drawn(tmp_path / "in.ppm"), drawn(tmp_path / "out.ppm")
    assert after[16, 40].tolist() == [255, 64, 0]
    assert (before != after).any(-1).sum() == 4 * 16 + 4 * 15  # the second box is cut at the borders
    (tmp_path / "short.ppm").write_bytes((tmp_path / "in.ppm").read_bytes()[:-1])
    command[2] = tmp_path / "short.ppm"
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "ends within its pixels" in failed.stderr
