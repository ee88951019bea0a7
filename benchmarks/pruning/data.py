"""Readers of the tasks' data packs: tensors of training and test halves, ready for the network."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.images import cifar10, normalise

RATE, WINDOW, HOP, BANDS, FRAMES = 8000, 256, 128, 40, 64  # of spoken digits: a second and a little more


@dataclass
class Data:
    """Inputs float32 [N, ...], labels int64 [N]."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


def letters(folder: Path) -> Data:
    """EMNIST letters, [N, 1, 28, 28] around zero; 26 classes."""
    with np.load(folder / "emnist_letters.npz") as pack:
        x = [torch.from_numpy(pack[f"x_{half}"]) for half in ("train", "test")]
        y = [torch.from_numpy(pack[f"y_{half}"].astype(np.int64)) for half in ("train", "test")]
    x = [(half.reshape(-1, 1, 28, 28).float() / 255 - 0.17) / 0.33 for half in x]
    return Data(x[0], y[0], x[1], y[1])


def objects(folder: Path) -> Data:
    """CIFAR-10, [N, 3, 32, 32] as the checkpoints expect it: 50,000 images to train, 5,000 to test."""
    halves = []
    for half in ("train", "test"):
        pixels, labels = cifar10(folder / "cifar10_jpeg.npz", half=half)
        halves += [torch.from_numpy(normalise(pixels, "imagenet")), torch.from_numpy(labels)]
    return Data(*halves)


def digits(folder: Path) -> Data:
    """Spoken digits as log-mel spectrograms [N, 1, bands, frames]; tested on the official takes 0 to 4."""
    with np.load(folder / "fsdd_8k.npz") as pack:
        audio, offsets = pack["audio"], pack["offsets"]
        labels, held = pack["digit"].astype(np.int64), pack["is_test"].astype(bool)
    x = np.stack([spectrogram(audio[a:b]) for a, b in pairwise(offsets)])
    x = ((x - x[~held].mean()) / x[~held].std())[:, None]
    halves = [torch.from_numpy(part) for part in (x[~held], labels[~held], x[held], labels[held])]
    return Data(*halves)


def spectrogram(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """[bands, frames]: the logarithm of a sound's energy in bands of the mel scale, cut or padded in time."""
    length = WINDOW + HOP * (FRAMES - 1)
    sound = np.zeros(length, np.float32)
    sound[: min(length, len(samples))] = samples[:length] / 32768
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    return np.log(mel_bands() @ power.T + 1e-6).astype(np.float32)


def mel_bands() -> NDArray[np.float64]:
    """[bands, frequencies]: triangles whose corners are equally far apart in mel, 2595 log10(1 + f / 700)."""
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    corners = 700 * (10 ** (mel / 2595) - 1)
    at = np.fft.rfftfreq(WINDOW, 1 / RATE)
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return np.clip(np.minimum((at - left) / (middle - left), (right - at) / (right - middle)), 0, None)


# What a batch of training is varied by. Each takes the inputs and a generator.


def crop_and_flip(x: Tensor, random: torch.Generator) -> Tensor:
    """Each image moved by up to 4 pixels over zeros, every second one mirrored."""
    count, _, height, width = x.shape
    padded = torch.nn.functional.pad(x, (4, 4, 4, 4))
    top, left = torch.randint(0, 9, (2, count), generator=random)
    across = torch.arange(width).expand(count, width)
    flip = torch.rand(count, generator=random) < 0.5
    across = torch.where(flip[:, None], across.flip(1), across) + left[:, None]
    down = torch.arange(height) + top[:, None]
    item = torch.arange(count)
    moved = padded.permute(0, 2, 3, 1)[item[:, None, None], down[:, :, None], across[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def shift_pixels(x: Tensor, random: torch.Generator) -> Tensor:
    """The whole batch moved by up to 2 pixels."""
    down, across = torch.randint(-2, 3, (2,), generator=random).tolist()
    return torch.roll(x, (down, across), (2, 3))


def mask_sound(x: Tensor, random: torch.Generator) -> Tensor:
    """Moved in time by up to 8 frames; 6 bands and 8 frames of each are the mean (Park et al., 2019)."""
    x = torch.roll(x, int(torch.randint(-8, 9, (1,), generator=random)), 3)
    count, _, bands, frames = x.shape
    band = torch.randint(0, bands, (count, 1), generator=random)
    frame = torch.randint(0, frames, (count, 1), generator=random)
    low = (torch.arange(bands) - band).remainder(bands) >= 6
    kept = (torch.arange(frames) - frame).remainder(frames) >= 8
    return x * low[:, None, :, None] * kept[:, None, None, :]
