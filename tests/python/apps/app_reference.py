"""What apps must compute, by PyTorch: the picture scaled by `interpolate`, normalised, and put through the
network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

import secateur as sct

CLASSES, HEIGHT, WIDTH = 7, 12, 10
MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)


def network() -> nn.Module:
    """Of few layers, some weights zero: the same one at each call."""
    torch.manual_seed(3)
    first, last = nn.Conv2d(3, 16, 3, stride=2), nn.Linear(16, CLASSES)
    made = nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    with torch.no_grad():
        first.weight[torch.rand_like(first.weight) < 0.7] = 0
    return made.eval()


def small_model(path: Path) -> Path:
    sct.compile(network(), (torch.zeros(1, 3, HEIGHT, WIDTH),), target="generic").save(path)
    return path


def picture(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write_ppm(path: Path, pixels: np.ndarray) -> None:
    path.write_bytes(b"P6\n%d %d\n255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes())


def prepared(pixels: np.ndarray, height: int = HEIGHT, width: int = WIDTH) -> torch.Tensor:
    planes = torch.from_numpy(pixels).float().permute(2, 0, 1)[None]
    scaled = nn.functional.interpolate(planes, (height, width), mode="bilinear", align_corners=False)
    return (scaled / 255 - MEAN) / DEVIATION


def reference_scores(pixels: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        scores: np.ndarray = network()(prepared(pixels)).numpy().ravel()
    return scores


def lines_of(printed: str, scores: np.ndarray, labels: list[str]) -> int:
    """How many lines there are, each the next best class with its score and label."""
    lines = printed.strip("\n").splitlines()
    for line, best in zip(lines, np.argsort(-scores, kind="stable"), strict=False):
        number, score, label = line.split(" ", 2)
        assert int(number) == best
        np.testing.assert_allclose(float(score), scores[best], rtol=1e-4, atol=1e-4)
        assert label == (labels[best] if labels else "")
    return len(lines)
