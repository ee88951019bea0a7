"""Train a small network, prune it while it trains on, compile it, run it without torch.

    python examples/prune_and_deploy.py [--sparsity 0.9] [--pattern element|4x1|2:4|channel] [--out FILE]

Handwritten digits of scikit-learn (1797 images of 8x8); about half a minute on a laptop core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

import secateur as sct

BATCH = 64


def network() -> nn.Sequential:
    """[N, 1, 8, 8] -> [N, 10]; 120 thousand weights."""

    def layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())

    return nn.Sequential(
        layer(1, 32, 3), layer(32, 64, 3, stride=2), layer(64, 128, 1), layer(128, 64, 3),
        layer(64, 128, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


def train(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    steps: int,
    rate: float,
    pruner: sct.prune.Pruner | None = None,
) -> None:
    """`steps` of AdamW; the pruner's step follows the optimizer's, nothing else changes."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.02)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    model.train()
    for _ in range(steps):
        chosen = torch.randint(len(labels), (BATCH,), generator=generator)
        loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
        if pruner is not None:
            pruner.step()
    model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of images that the network names rightly."""
    return float((model(images).argmax(1) == labels).float().mean())


def deployed_accuracy(path: Path, images: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The same, by the compiled file: this part needs NumPy only."""
    session = sct.Session(str(path), threads=1)
    hits = [session.run(image[None]).argmax() == label for image, label in zip(images, labels, strict=True)]
    return float(np.mean(hits))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument(
        "--pattern", default="element", help="element, 4x1, 2:4 (0.5 sparse by itself), channel"
    )
    parser.add_argument(
        "--steps", type=int, default=600, help="training steps, dense and again while pruning"
    )
    parser.add_argument("--out", type=Path, default=Path("digits.sct"))
    options = parser.parse_args()

    digits = load_digits()
    pixels = (digits.images / 16).astype(np.float32)[:, None]
    split = train_test_split(pixels, digits.target.astype(np.int64), test_size=0.25, random_state=0)
    train_x, test_x, train_y, test_y = (torch.from_numpy(part) for part in split)

    torch.manual_seed(0)
    model = network()
    train(model, train_x, train_y, options.steps, rate=3e-3)
    print(f"dense:    {accuracy(model, test_x, test_y):.1%} of {len(test_y)} test images right")

    fields = {"pattern": options.pattern, "skip_first": True}
    if ":" not in options.pattern:
        fields["sparsity"] = options.sparsity
    schedule = sct.prune.Cubic(begin=0, end=options.steps * 2 // 3, every=10)
    recipe = sct.prune.Recipe(**fields, schedule=schedule)
    pruner = sct.prune.Pruner(model, recipe, example_inputs=test_x[:1])
    train(model, train_x, train_y, options.steps, rate=3e-3, pruner=pruner)
    pruner.finalize()
    print(pruner.report())
    print(f"pruned:   {accuracy(model, test_x, test_y):.1%}")

    program = sct.compile(model, test_x[:1])
    program.save(options.out)
    deployed = deployed_accuracy(options.out, test_x.numpy(), test_y.numpy())
    print(f"deployed: {deployed:.1%}, {options.out} of {options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
