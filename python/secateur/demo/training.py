"""Trains, and trains again what is left after pruning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from secateur.demo.data import Digits

if TYPE_CHECKING:
    from secateur.prune import Pruner

BATCH = 64
SHIFT = 3  # pixels of 32 by which training images move, as a hand does

Progress = Callable[[int, int], None]


def steps_per_epoch(data: Digits) -> int:
    return max(1, len(data.train_labels) // BATCH)


def fit(
    model: torch.nn.Module,
    data: Digits,
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    pruner: Pruner | None = None,
    progress: Progress | None = None,
) -> None:
    """Trains `model` in place: AdamW, one-cycle rate, label smoothing, random shifts.

    `pruner.step()` follows each optimizer step, so that the zeros hold.
    """
    generator = torch.Generator().manual_seed(seed)
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    per_epoch = steps_per_epoch(data)
    total = epochs * per_epoch
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate / 10, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=total, pct_start=0.25
    )
    model.train()
    done = 0
    for _ in range(epochs):
        order = torch.randperm(len(labels), generator=generator)
        for step in range(per_epoch):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            batch = F.pad(images[chosen], (SHIFT,) * 4)
            top, left = torch.randint(0, 2 * SHIFT + 1, (2,), generator=generator).tolist()
            side = images.shape[-1]
            batch = batch[:, :, top : top + side, left : left + side]
            loss = F.cross_entropy(
                model(batch.contiguous(memory_format=torch.channels_last)),
                labels[chosen],
                label_smoothing=0.05,
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if pruner is not None:
                pruner.step()
            done += 1
            if progress is not None:
                progress(done, total)
    model.eval()


@torch.no_grad()
def logits(model: torch.nn.Module, images: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> torch.Tensor:
    """What the network says of `images` [N, 1, 32, 32], in eval mode: [N, 10]."""
    model.eval()
    return torch.cat([model(torch.from_numpy(images[i : i + 256])) for i in range(0, len(images), 256)])


def accuracy(
    scores: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> float:
    """Share of rows of `scores` [N, classes] whose largest entry is at the label."""
    return float((scores.argmax(1) == labels).mean())
