"""One-shot pruning of a trained MobileNetV2 on real images: one table of what each method keeps.

    python benchmarks/pruning/one_shot.py DATA [--rows ours] [--sparsity 0.5,0.6] [--json FILE]

DATA is a folder with `refmodels.py`, `packs.py`, weights/mobilenet_v2_sym.pt and two packs of images:
imagenet_sample_even.npz (calibration, no labels used) and imagenet_val227_even.npz (top-1). Pruned are the
1x1 convolutions. Every row has its batch norms measured again, so that none is punished for the lack of it.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from secateur.prune import one_shot, reestimate_batch_norm

# name -> (score, arguments of one_shot, and the scope where it is not uniform)
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "magnitude": ("l1", {"solver": "mask", "target": "own"}),
    "magnitude, global": ("l1", {"solver": "mask", "target": "own", "scope": "global"}),
    "magnitude, global as it stands": (
        "l1",
        {"solver": "mask", "target": "own", "scope": {"name": "global", "normalise": False}},
    ),
    "wanda": ("wanda", {"solver": "mask", "target": "own"}),
    "sparsegpt": ("l1", {"solver": "sweep", "target": "own", "refit": False}),
    "ours": ("l1", {}),
    "ours, by error": ("l1", {"allocation": "error"}),
}


def top1(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of images whose label comes first, in percent."""
    with torch.no_grad():
        best = torch.cat([model(part.float()).argmax(1) for part in images.split(37)])
    return 100 * float((best == labels).float().mean())


def load(folder: Path) -> tuple[nn.Module, torch.Tensor, torch.Tensor, torch.Tensor]:
    """(network, calibration images, test images, their labels)."""
    sys.path.insert(0, str(folder))
    packs, networks = importlib.import_module("packs"), importlib.import_module("refmodels")
    model = networks.MobileNetV2().eval()
    model.load_state_dict(torch.load(folder / "weights" / "mobilenet_v2_sym.pt", weights_only=True))
    found = []
    for name in ("imagenet_sample_even", "imagenet_val227_even"):
        images, labels = packs.imagenet(folder / f"{name}.npz", 224)
        found += [torch.from_numpy(packs.to_input(images, "imagenet")).half(), torch.from_numpy(labels)]
    return model, found[0], found[2], found[3]


def recipe(model: nn.Module, sparsity: float, pattern: str, score: str, scope: Any) -> dict[str, Any]:
    """Over the 1x1 convolutions, everything else left alone."""
    others = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1))
    ]
    return {
        "sparsity": sparsity, "pattern": pattern, "score": score, "scope": scope, "skip": others,
        "keep_zeros": False,
    }  # fmt: skip


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", default="all", help=f"some of {', '.join(ROWS)}, separated by ';'")
    parser.add_argument("--sparsity", default="0.5,0.6")
    parser.add_argument("--pattern", default="element")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--json", type=Path, help="file of rows, to which these are added")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", type=float, default=12, help="GB of activations held, more goes to files")
    arguments = parser.parse_args()
    memory = int(arguments.memory * 2**30)
    torch.set_num_threads(arguments.threads)
    model, calibration, images, labels = load(arguments.data)
    order = torch.randperm(len(calibration), generator=torch.Generator().manual_seed(0))
    calibration = calibration[order[: arguments.images]]
    batches = [part.float() for part in calibration.split(50)]
    print(f"dense: top-1 {top1(model, images, labels):.1f} on {len(labels)} images", flush=True)
    print(
        "| pattern | sparsity | method | top-1 | seconds | CPU seconds |\n" + "| --- " * 6 + "|", flush=True
    )
    names = list(ROWS) if arguments.rows == "all" else arguments.rows.split(";")
    for sparsity in map(float, arguments.sparsity.split(",")):
        for name in names:
            score, options = ROWS[name][0], dict(ROWS[name][1])
            scope = options.pop("scope", "uniform")
            twin = copy.deepcopy(model)
            start, cpu = time.perf_counter(), time.process_time()
            one_shot(
                twin,
                recipe(twin, sparsity, arguments.pattern, score, scope),
                batches,
                memory=memory,
                **options,
            )
            reestimate_batch_norm(twin, batches)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            found = top1(twin, images, labels)
            print(
                f"| {arguments.pattern} | {sparsity:.0%} | {name} | {found:.1f} "
                f"| {seconds:.0f} | {cpu:.0f} |",
                flush=True,
            )
            if arguments.json:
                row = {
                    "pattern": arguments.pattern, "sparsity": sparsity, "method": name,
                    "top1": round(found, 1), "images": len(calibration), "cpu_seconds": round(cpu),
                }  # fmt: skip
                add_row(arguments.json, row)


def add_row(path: Path, row: dict[str, Any]) -> None:
    """Put a row into a file of rows, in place of that of the same pattern, sparsity and method."""
    rows = json.loads(path.read_text()) if path.exists() else []
    key = ("pattern", "sparsity", "method")
    rows = [old for old in rows if any(old[k] != row[k] for k in key)] + [row]
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


if __name__ == "__main__":
    main()
