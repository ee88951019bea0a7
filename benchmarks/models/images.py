"""Readers of image packs: .npz files of JPEG bytes (`jpeg`, `offsets`, `labels`), decoded with Pillow."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
_CAFFE_MEAN = np.array([104, 117, 123], np.float32)


def _jpegs(pack: np.lib.npyio.NpzFile, prefix: str, limit: int | None) -> list[bytes]:
    blob, offsets = pack[f"{prefix}jpeg"].tobytes(), pack[f"{prefix}offsets"]
    count = len(offsets) - 1 if limit is None else min(limit, len(offsets) - 1)
    return [blob[offsets[i] : offsets[i + 1]] for i in range(count)]


def _square(image: Image.Image, size: int) -> Image.Image:
    """Already square: resized. Otherwise the short side to size / 0.875 and the centre of it."""
    if image.width == image.height:
        return image.resize((size, size), Image.Resampling.BILINEAR)
    short = round(size / 0.875)
    scale = short / min(image.size)
    image = image.resize(
        (max(short, round(image.width * scale)), max(short, round(image.height * scale))),
        Image.Resampling.BILINEAR,
    )
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def imagenet(path: Path, size: int, limit: int | None = None) -> tuple[Pixels, Labels]:
    """uint8 [N, size, size, 3] and labels in ImageNet-1k order."""
    with np.load(path) as pack:
        images = [Image.open(io.BytesIO(data)).convert("RGB") for data in _jpegs(pack, "", limit)]
        labels = pack["labels"][: len(images)].astype(np.int64)
    return np.stack([np.asarray(_square(image, size)) for image in images]), labels


def cifar10(path: Path, limit: int | None = None, half: str = "test") -> tuple[Pixels, Labels]:
    """uint8 [N, 32, 32, 3] and labels of the half "test" or "train"."""
    with np.load(path) as pack:
        images = [Image.open(io.BytesIO(data)).convert("RGB") for data in _jpegs(pack, f"{half}_", limit)]
        labels = pack[f"{half}_labels"][: len(images)].astype(np.int64)
    return np.stack([np.asarray(image) for image in images]), labels


def normalise(pixels: Pixels, norm: str) -> NDArray[np.float32]:
    """uint8 [N, H, W, 3] -> float32 [N, 3, H, W] as a network expects it."""
    x = pixels.astype(np.float32)
    if norm == "imagenet":
        x = (x / 255 - _IMAGENET_MEAN) / _IMAGENET_STD
    elif norm == "tf":
        x = x / 127.5 - 1
    elif norm == "unit":
        x = x / 255
    elif norm == "caffe":  # BGR
        x = x[..., ::-1] - _CAFFE_MEAN
    else:
        raise KeyError(norm)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2), dtype=np.float32)
