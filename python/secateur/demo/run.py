"""The demo from beginning to end."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from secateur.bench.machine import machine, versions
from secateur.bench.report import Result, document, text_table, write_file, write_json
from secateur.demo import tables
from secateur.demo.checks import Check, check
from secateur.demo.data import Digits, load_digits
from secateur.demo.measure import Made, Row, compile_and_check, time_row
from secateur.demo.network import CompactCNN
from secateur.demo.report import render
from secateur.demo.steps import Steps
from secateur.demo.training import accuracy, fit, logits
from secateur.demo.variants import VARIANTS, prune
from secateur.demo.zoo_speed import NETWORKS, SPARSITIES, time_network
from secateur.text import printable

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Options:
    """`quick` trains for a moment on few images and times little: it shows that all works, nothing more."""

    out: Path = Path("demo-report")
    quick: bool = False
    threads: int = 1
    seed: int = 0
    checkpoints: Mapping[str, str] = field(default_factory=dict)

    @property
    def dense_epochs(self) -> int:
        return 2 if self.quick else 14

    @property
    def samples(self) -> int:
        return 5 if self.quick else 200

    @property
    def zoo_samples(self) -> int:
        return 2 if self.quick else 12

    @property
    def zoo(self) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """Networks and sparsities of the second table."""
        return (("mobilenet_v2",), (0.0, 0.9)) if self.quick else (NETWORKS, SPARSITIES)


@dataclass
class Outcome:
    """What the demo came to; `faithful` is False where a compiled model is not its PyTorch model."""

    rows: list[Row]
    results: list[Result]
    checks: list[Check]
    report: Path
    seconds: float

    @property
    def faithful(self) -> bool:
        wrong = any(c.fatal and not c.passed for c in self.checks)
        refused = any(o.status in {"refused", "failed"} for r in self.results for o in r.outcomes)
        return not wrong and not refused


def _train(options: Options, data: Digits, steps: Steps) -> torch.nn.Module:
    torch.manual_seed(options.seed)
    model = CompactCNN().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert isinstance(model, torch.nn.Module)
    with steps.step("training the dense network") as step:
        fit(model, data, epochs=options.dense_epochs, learning_rate=6e-3, seed=options.seed, progress=step)
        step.note = (
            f"{accuracy(logits(model, data.test_images).numpy(), data.test_labels):.2%} on the test set"
        )
    return model


def _networks(options: Options, data: Digits, steps: Steps) -> list[Made]:
    """The dense network and its pruned copies."""
    dense = _train(options, data, steps)
    made = [Made("dense", "dense", False, dense)]
    for number, variant in enumerate(VARIANTS):
        with steps.step(f"pruning and fine-tuning: {variant.label}") as step:
            model = prune(
                dense,
                variant,
                data,
                epochs=2 if options.quick else variant.epochs,
                learning_rate=3e-3,
                seed=options.seed + 1 + number,
                progress=step,
            )
            step.note = f"{accuracy(logits(model, data.test_images).numpy(), data.test_labels):.2%}"
        made.append(Made(variant.key, variant.label, variant.must_pay, model, variant.int8))
    return made


def _measured(options: Options, data: Digits, networks: Sequence[Made], steps: Steps) -> list[Row]:
    rows = []
    with steps.step("compiling, and the test set through each compiled model") as step:
        for number, made in enumerate(networks):
            step(number, len(networks))
            rows.append(compile_and_check(made, data, options.out, options.threads))
        step.note = f"{sum(row.differing for row in rows)} predictions differ from PyTorch's"
    with steps.step("timing, in turns") as step:
        for number, row in enumerate(rows):
            step(number, len(rows))
            time_row(row, rows[0], data, threads=options.threads, samples=options.samples)
    return rows


def _zoo(options: Options, steps: Steps) -> list[Result]:
    networks, sparsities = options.zoo
    results: list[Result] = []
    for name in networks:
        with steps.step(f"timing {name} at 224×224") as step:

            def progress(text: str, done: int, total: int) -> None:
                step.says(text)
                step(done, total)

            made = time_network(
                name,
                sparsities=sparsities,
                checkpoints=options.checkpoints,
                threads=options.threads,
                samples=options.zoo_samples,
                progress=progress,
            )
            step.note = made[0].workload.weights
        results += made
    return results


def run_demo(options: Options, console: Console) -> Outcome:
    """Trains, prunes, compiles, checks, times, prints the tables, writes `report.html` and `results.json`."""
    start = time.perf_counter()
    options.out.mkdir(parents=True, exist_ok=True)
    steps = Steps(console)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export's own deprecations are not the user's
        data = load_digits(options.seed, limit=200 if options.quick else None)
        rows = _measured(options, data, _networks(options, data, steps), steps)
        results = _zoo(options, steps)
    checks = check(rows)
    seconds = time.perf_counter() - start
    _print(rows, results, checks, console, options.threads)
    report = options.out / "report.html"
    facts: dict[str, Any] = {"machine": machine(), "versions": versions()}
    write_file(report, render(rows, results, checks, data, threads=options.threads, seconds=seconds, **facts))
    write_json(options.out / "results.json", document(results, digits=[to_dict(row) for row in rows]))
    console.print(
        f"\n{seconds:.0f} s; report: {report.resolve()}", highlight=False, markup=False, soft_wrap=True
    )
    return Outcome(rows, results, checks, report, seconds)


def _print(
    rows: Sequence[Row], results: Sequence[Result], checks: Sequence[Check], console: Console, threads: int
) -> None:
    from rich.text import Text

    on = f"{threads} thread" + ("s" if threads > 1 else "")
    console.print()
    title = f"Handwritten digits, {on}"
    console.print(text_table(title, tables.NARROW, tables.narrowed(tables.digits_rows(rows))))
    if results:
        title = f"224×224, batch 1, {on}"
        console.print(text_table(title, tables.ZOO_HEADER, tables.zoo_rows(results), left=2))
    for result in results:
        for o in result.outcomes:
            if o.status != "ok":
                what = printable(f"{o.label} on {result.workload.label}: {o.status}; {o.message}")
                console.print(Text(what, "red"))
    for c in checks:
        mark = ("pass", "green") if c.passed else ("FAIL", "red")
        line = Text.assemble(mark, printable(f"  {c.text}: {c.detail}"))
        console.print(line, highlight=False, soft_wrap=True)


def to_dict(row: Row) -> dict[str, Any]:
    """The row for results.json."""
    names = (
        "key",
        "label",
        "parameters",
        "torch_accuracy",
        "accuracy",
        "differing",
        "max_abs_err",
        "tolerance",
    )
    latencies = {
        f"{name}_ns": summary.to_dict() if summary else None
        for name, summary in (
            ("latency", row.latency),
            ("dense_latency", row.dense_latency),
            ("torch_latency", row.torch_latency),
        )
    }
    return {
        **{n: getattr(row, n) for n in names},
        "file_bytes": row.file_bytes,
        **latencies,
        "layers": row.profile,
    }
