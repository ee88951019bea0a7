"""Compiles a network, puts the whole test set through the runtime, and times it beside its rivals."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from secateur.bench.engines.base import INT8_TOLERANCE
from secateur.bench.engines.secateur_engine import CompiledFile
from secateur.bench.engines.torch_eager import TorchEager
from secateur.bench.harness import Outcome, compare_outputs, measure
from secateur.bench.stats import Summary
from secateur.bench.workload import Workload
from secateur.demo.data import Digits
from secateur.demo.training import accuracy, logits

# Compiled and PyTorch accuracy may differ by this much (0.2 points), and in int8 by 0.7.
ACCURACY_TOLERANCE = 0.002
INT8_ACCURACY_TOLERANCE = 0.007
CALIBRATION = 200  # training images that choose the scales of int8


@dataclass
class Row:
    """One network of the demo: what PyTorch says of it, what the compiled model says, and how fast.

    Accuracies are shares of the test set; `max_abs_err` is over all its logits, `tolerance` what is allowed.
    `dense_latency` and `torch_latency` were sampled in turns with `latency`.
    """

    key: str
    label: str
    must_pay: bool
    parameters: int
    torch_accuracy: float
    accuracy: float
    differing: int
    max_abs_err: float
    tolerance: float
    file_bytes: int
    path: Path
    model: torch.nn.Module = field(repr=False)
    int8: bool = False
    latency: Summary | None = None
    dense_latency: Summary | None = None
    torch_latency: Summary | None = None
    profile: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[int] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether the compiled model is the PyTorch model: logits within tolerance, accuracy too."""
        close = self.max_abs_err <= self.tolerance
        allowed = INT8_ACCURACY_TOLERANCE if self.int8 else ACCURACY_TOLERANCE
        return close and abs(self.accuracy - self.torch_accuracy) <= allowed


@dataclass(frozen=True)
class Made:
    """A network of the demo, before it is compiled."""

    key: str
    label: str
    must_pay: bool
    model: torch.nn.Module
    int8: bool = False


def compile_and_check(made: Made, data: Digits, folder: Path, threads: int) -> Row:
    """Compiles a network for one image, runs the test set through the file, and compares with PyTorch, in
    int8 by what the benchmark allows int8 engines."""
    import secateur as sct

    model = made.model
    example = (torch.from_numpy(data.test_images[:1]),)
    q = None
    if made.int8:
        q = sct.quantize.static(model, data.train_images[:CALIBRATION], example_inputs=example)
    program = sct.compile(model, example, name=f"digits-{made.key}", quantize=q)
    path = folder / f"{made.key}.sct"
    program.save(path)

    wanted = logits(model, data.test_images).numpy()
    with sct.Session(path, threads=threads) as session:
        images = data.test_images
        got = np.concatenate([session.run(images[i : i + 1]) for i in range(len(images))])
    error, tolerance, _ = compare_outputs([got], [wanted], INT8_TOLERANCE if made.int8 else None)
    return Row(
        key=made.key,
        label=made.label,
        must_pay=made.must_pay,
        parameters=sum(int(torch.count_nonzero(p)) for p in model.parameters()),
        torch_accuracy=accuracy(wanted, data.test_labels),
        accuracy=accuracy(got, data.test_labels),
        differing=int((got.argmax(1) != wanted.argmax(1)).sum()),
        max_abs_err=error,
        tolerance=tolerance,
        file_bytes=path.stat().st_size,
        path=path,
        model=model,
        int8=made.int8,
        predictions=[int(i) for i in got.argmax(1)],
    )


def time_row(row: Row, dense: Row, data: Digits, *, threads: int, samples: int) -> list[Outcome]:
    """Times the compiled row, its dense self and PyTorch eager in turns; fills the row's latencies."""
    import secateur as sct

    workload = Workload(f"digits {row.label}", row.model, (data.test_images[:1],), weights="trained")
    engines = [CompiledFile("secateur", row.label, row.path, row.model, int8=row.int8)]
    if row is not dense:
        engines.append(CompiledFile("secateur-dense", "dense self", dense.path, dense.model))
    outcomes = measure([*engines, TorchEager()], workload, threads=threads, samples=samples, warmup=5)
    by_engine = {o.engine: o.summary for o in outcomes}
    row.latency = by_engine["secateur"]
    row.dense_latency = by_engine.get("secateur-dense", row.latency)
    row.torch_latency = by_engine["torch"]
    with sct.Session(row.path, threads=threads) as session:
        row.profile = session.profile(runs=50)
    return outcomes
