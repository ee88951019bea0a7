"""Handwritten digits that come with scikit-learn: 1797 images of 8x8 pixels, real and small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secateur.distribution import install
from secateur.errors import RuntimeUnavailableError

SIDE = 32
TEST_SHARE = 0.25


@dataclass(frozen=True)
class Digits:
    """Images float32 [N, 1, 32, 32] in [0, 1], labels int64 [N]; the test split is never trained on."""

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]


def load_digits(seed: int = 0, limit: int | None = None) -> Digits:
    """The digits, scaled to 32x32 (bilinear), split by class shares with a fixed seed.

    `limit` keeps that many images of each split, for tests. Raises RuntimeUnavailableError where
    scikit-learn is not installed. Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten
    Digits, UCI, 1998.
    """
    try:
        from sklearn.datasets import load_digits as load
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise RuntimeUnavailableError(
            f"the demo's digits come with scikit-learn: {install('demo')}"
        ) from None
    import torch

    raw = load()
    images = torch.from_numpy(raw.images.astype(np.float32) / 16.0)[:, None]
    scaled = torch.nn.functional.interpolate(images, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    labels = raw.target.astype(np.int64)
    train, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_SHARE, stratify=labels, random_state=seed
    )
    train, test = train[:limit], test[:limit]
    pixels = scaled.numpy()
    return Digits(pixels[train], labels[train], pixels[test], labels[test])
