"""What one-shot pruning costs before any training, as the table of docs/pruning.md: ResNet-20 on CIFAR-10.

    python benchmarks/pruning/before.py DATA

DATA holds weights/cifar_resnet20_jpeg.pt and cifar10_jpeg.npz. Scores `l1` / `l2`; uniform and global scope;
then the same with batch norms measured again on 1,000 training images.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn

from models import build
from models.images import cifar10, normalise
from secateur.prune import prune_oneshot, reestimate_batch_norm

IMAGES = 1000  # to test and to measure batch norms
ROWS: tuple[tuple[str, float | None], ...] = (
    ("element", 0.5), ("element", 0.7), ("1x4", 0.5), ("4x1", 0.5), ("2:4", None), ("channel", 0.2),
)  # fmt: skip


def top1(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    model.eval()
    with torch.no_grad():
        best = torch.cat([model(part).argmax(1) for part in images.split(100)])
    return 100 * float((best == labels).double().mean())


def cell(
    model: nn.Module, fields: dict[str, Any], images: Tensor, labels: Tensor, others: Tensor
) -> list[float]:
    """Top-1 of the pruned network as it is, and with its batch norms measured again."""
    twin = copy.deepcopy(model)
    prune_oneshot(twin, example_inputs=images[:1], **fields)
    plain = top1(twin, images, labels)
    reestimate_batch_norm(twin, others.split(100))
    return [plain, top1(twin, images, labels)]


def main() -> None:
    folder = Path(sys.argv[1])
    model = build("cifar_resnet", folder / "weights" / "cifar_resnet20_jpeg.pt", depth=20)
    pixels, found = cifar10(folder / "cifar10_jpeg.npz", IMAGES)
    images, labels = torch.from_numpy(normalise(pixels, "imagenet")), torch.from_numpy(found)
    others = torch.from_numpy(
        normalise(cifar10(folder / "cifar10_jpeg.npz", IMAGES, half="train")[0], "imagenet")
    )
    print(f"dense: {top1(model, images, labels):.1f}")
    print("| pattern, sparsity | uniform | global | uniform, norms again | global, norms again |")
    print("| --- | --- | --- | --- | --- |")
    for pattern, sparsity in ROWS:
        cells = []
        for scope in ("uniform", "global"):
            fields = {"pattern": pattern, "scope": scope}
            if sparsity is not None:
                fields["sparsity"] = sparsity
            scores = [cell(model, {**fields, "score": s}, images, labels, others) for s in ("l1", "l2")]
            cells.append([" / ".join(f"{score[norms]:.1f}" for score in scores) for norms in (0, 1)])
        share = "" if sparsity is None else f" {sparsity:.0%}"
        row = [scope[norms] for norms in (0, 1) for scope in cells]
        print(f"| {pattern}{share} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
