#!/usr/bin/env python3
"""Recurrent networks: this runtime dense, at 80% and at 90% zeros, beside onnxruntime, in turns.

    python benchmarks/recurrent.py --engine-python onnxruntime=/path/to/python
    python benchmarks/recurrent.py --networks spotter --samples 100 --threads 2 --json recurrent.json

Each engine answers once before it is timed, and is compared with PyTorch; one that is wrong is not timed.
Weights are random, the smallest of each tensor set to zero: times do not depend on what a network learned.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

import secateur as sct
from secateur.bench.engines import OnnxRuntime, SecateurSparse
from secateur.bench.engines.base import Engine
from secateur.bench.engines.secateur_engine import CompiledFile
from secateur.bench.harness import Outcome, measure
from secateur.bench.workload import Workload

SPARSITIES = (0.8, 0.9)


class Last(nn.Module):
    """A recurrent layer over [batch, steps, features], and a head on its last step."""

    def __init__(self, layer: nn.RNNBase, outputs: int) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(layer.hidden_size, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.layer(x)
        return self.head(y[:, -1])


# name -> (network, shape of its input)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "spotter": (lambda: Last(nn.GRU(20, 64, batch_first=True), 12), (1, 101, 20)),
    "spotter-lstm": (lambda: Last(nn.LSTM(20, 64, batch_first=True), 12), (1, 101, 20)),
    "forecaster": (lambda: Last(nn.LSTM(7, 128, 2, batch_first=True), 96), (1, 336, 7)),
    "speaker": (lambda: Last(nn.LSTM(40, 256, 3, batch_first=True), 256), (1, 160, 40)),
}


def pruned(model: nn.Module, sparsity: float) -> nn.Module:
    """A copy whose weight matrices have that share of zeros, where they were smallest."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "weight" in name:
                count = round(sparsity * weight.numel())
                weight.view(-1)[weight.abs().view(-1).argsort()[:count]] = 0
    return model


def engines_for(workload: Workload, folder: Path, pythons: dict[str, str]) -> list[Engine]:
    found: list[Engine] = [SecateurSparse()]
    for sparsity in SPARSITIES:
        model, path = pruned(workload.model, sparsity), folder / f"{workload.name}-{sparsity}.sct"
        sct.compile(model, workload.tensors()).save(str(path))
        found.append(CompiledFile(f"secateur-{sparsity:.0%}", f"secateur, {sparsity:.0%} zeros", path, model))
    return [*found, OnnxRuntime(pythons)]


def table(name: str, outcomes: list[Outcome]) -> str:
    lines = [name]
    rival = next((o.summary for o in outcomes if o.engine == "onnxruntime"), None)
    for outcome in outcomes:
        summary = outcome.summary
        if summary is None:
            lines.append(f"  {outcome.label}: {outcome.status} {outcome.message}")
            continue
        ratio = f"{rival.median / summary.median:5.2f}x onnxruntime" if rival else ""
        size = outcome.facts.get("file_bytes")
        size_text = f", file {size / 1e6:.2f} MB" if size else ""
        lines.append(f"  {outcome.label:22} {summary.median / 1e6:8.3f} ms  {ratio}{size_text}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--engine-python", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--json", type=Path, help="where to keep what was measured, every sample")
    args = parser.parse_args()
    pythons = dict(entry.split("=", 1) for entry in args.engine_python)
    kept = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.networks:
            torch.manual_seed(0)
            make, shape = NETWORKS[name]
            x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
            workload = Workload(name, make().eval(), (x,))
            engines = engines_for(workload, Path(folder), pythons)
            outcomes = measure(engines, workload, threads=args.threads, samples=args.samples)
            print(table(name, outcomes), flush=True)
            kept.append({**workload.describe(), "engines": [o.to_dict() for o in outcomes]})
    if args.json:
        args.json.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
