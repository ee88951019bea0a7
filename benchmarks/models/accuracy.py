"""Top-1 of PyTorch beside top-1 of the compiled network, dense and pruned once by magnitude, on real images.

    python benchmarks/models/accuracy.py --data DIR [--sparsity 0.9] [--limit N] [--json FILE]

DIR holds image packs (imagenet*.npz, cifar10*.npz) and `weights/` with checkpoints; what is not there is
left out. The compiled network must give what PyTorch gives: the program fails where top-1 differs.
Pruning is one shot, not retrained: its accuracy is low, and the same on both sides.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import secateur as sct
from models import CHECKPOINTS, Checkpoint, build
from models.images import Labels, cifar10, imagenet, normalise


@dataclass(frozen=True)
class Row:
    """One network, dense or pruned, on one pack."""

    checkpoint: str
    pack: str
    weights: str  # "dense" or "90% pruned"
    images: int
    torch_top1: float
    compiled_top1: float
    agreement: float  # share of images with the same first class
    sparse_layers: int
    layers: int
    file_bytes: int
    dense_bytes: int


def prune_once(network: nn.Module, sparsity: float, scope: str) -> nn.Module:
    """Zeroes the smallest weights of convolutions and linear layers but depthwise ones and the first.

    `scope`: "uniform", the same share of every layer, or "global", the smallest over all layers.
    """
    network = copy.deepcopy(network)
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    weights = [m.weight for m in layers[1:] if not (isinstance(m, nn.Conv2d) and m.groups > 1)]

    def threshold(magnitudes: torch.Tensor) -> torch.Tensor:
        return magnitudes.kthvalue(max(1, round(sparsity * magnitudes.numel()))).values

    with torch.no_grad():
        overall = threshold(torch.cat([w.abs().reshape(-1) for w in weights]))
        for weight in weights:
            limit = overall if scope == "global" else threshold(weight.abs().reshape(-1))
            weight.mul_(weight.abs() > limit)
    return network


def predictions(
    network: nn.Module, x: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], sct.Program]:
    """First classes by PyTorch and by the compiled network."""
    program = sct.compile(network, torch.from_numpy(x[:1]), allow_empty=True)
    session = program.session(threads=1)
    ours = np.array([int(np.argmax(session.run(image[None]))) for image in x])
    with torch.no_grad():
        theirs = torch.cat([network(torch.from_numpy(x[i : i + 16])).argmax(1) for i in range(0, len(x), 16)])
    return theirs.numpy(), ours, program


def measure(
    checkpoint: Checkpoint, weights: Path, pack: Path, sparsity: float, scope: str, limit: int | None
) -> list[Row]:
    """Rows for the dense and the pruned network."""
    read = (lambda: cifar10(pack, limit)) if checkpoint.images == "cifar10" else None
    pixels, labels = read() if read else imagenet(pack, checkpoint.size, limit)
    x = normalise(pixels, checkpoint.norm)
    network = build(checkpoint.network, weights, **checkpoint.options)
    rows = []
    for label, candidate in (
        ("dense", network),
        (f"{sparsity:.0%} pruned", prune_once(network, sparsity, scope)),
    ):
        theirs, ours, program = predictions(candidate, x)
        rows.append(_row(checkpoint, pack, label, labels, theirs, ours, program))
    return rows


def _row(
    checkpoint: Checkpoint,
    pack: Path,
    weights: str,
    labels: Labels,
    theirs: NDArray[np.int64],
    ours: NDArray[np.int64],
    program: sct.Program,
) -> Row:
    weighted = [layer for layer in program.layers if layer.format]
    return Row(
        checkpoint.file,
        pack.stem,
        weights,
        len(labels),
        float((theirs == labels).mean()),
        float((ours == labels).mean()),
        float((theirs == ours).mean()),
        sum(layer.format != "dense" for layer in weighted),
        len(weighted),
        program.file_bytes,
        sum(layer.dense_bytes for layer in weighted),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of image packs and weights/")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--scope", choices=("uniform", "global"), default="uniform")
    parser.add_argument("--limit", type=int, help="images per pack")
    parser.add_argument("--only", help="checkpoints whose name contains this")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    rows: list[Row] = []
    heading = (
        "checkpoint",
        "pack",
        "weights",
        "n",
        "PyTorch",
        "compiled",
        "agree",
        "sparse",
        "file / dense f32",
    )
    print("{:34}{:24}{:12}{:>5}{:>9}{:>10}{:>8}{:>8}  {}".format(*heading))
    for checkpoint in CHECKPOINTS:
        weights = options.data / "weights" / checkpoint.file
        if not weights.exists() or (options.only and options.only not in checkpoint.file):
            continue
        for pack in sorted(options.data.glob(f"{checkpoint.images}*.npz")):
            for row in measure(checkpoint, weights, pack, options.sparsity, options.scope, options.limit):
                rows.append(row)
                print(
                    f"{row.checkpoint:34}{row.pack:24}{row.weights:12}{row.images:5}{row.torch_top1:9.2%}"
                    f"{row.compiled_top1:10.2%}{row.agreement:8.2%}{row.sparse_layers:5}/{row.layers:<2}"
                    f"  {row.file_bytes / row.dense_bytes:.3f}",
                    flush=True,
                )
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    if not rows:
        print(f"no checkpoint and pack of the zoo under {options.data}", file=sys.stderr)
        return 2
    return 1 if any(row.torch_top1 != row.compiled_top1 for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
