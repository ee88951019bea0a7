"""The page of the records: tables by task, bars beside what was reached, what is outstanding."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from pruning.configurations import BARS, CONFIGURATIONS, Bar
from pruning.records import Record
from pruning.tasks import TASKS, Task

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lab" / "pruning.md"
NOTES = Path(__file__).with_name("notes.md")

HEAD = """# Accuracy after training

Dense, pruned and quantised networks after the same training, on real data. This page is written from
`benchmarks/results/pruning.json` by `python benchmarks/pruning --document`. To that file
`python benchmarks/pruning {tasks} --data DIR --seeds 3`
adds a record for each task, configuration and seed; those that are there are not run again.

Every configuration starts from the same dense network of its seed and gets the same optimizer, epochs,
learning rate (it rises for a twentieth of the steps, then falls as a cosine) and variation of inputs; "dense"
gets them too. The accuracy is that after the last epoch; none is picked. Our sparsities rise by the cubic
schedule over the first half of the training. Blocks and 2:4 leave the first layer alone, but of recurrent
networks. int8 is the trained network of its row, quantised after training by `secateur.quantize.static` with
512 training inputs and run by the compiled session. Zeros are counted among the weights of all layers but
depthwise ones.

Top-1 in percent: mean over the seeds, spread from least to most. A bar is met or missed by the mean
difference over the seeds that both rows have.
"""


def write(records: Sequence[Record]) -> Path:
    PAGE.write_text(page(records))
    return PAGE


def page(records: Sequence[Record]) -> str:
    parts = [HEAD.format(tasks=" ".join(TASKS))]
    parts += [section(task, [r for r in records if r["task"] == task.name]) for task in TASKS.values()]
    return "\n".join([*parts, NOTES.read_text()])


def section(task: Task, records: Sequence[Record]) -> str:
    """Heading, protocol, rows and bars of one task."""
    if task.base is None:
        start = "from its checkpoint"
    else:
        start = f"from a dense network of {task.base.epochs} epochs at {task.base.rate:g}"
    plan = task.tuning
    precision = ", forward passes in bfloat16" if task.bf16 else ""
    lines = [
        f"## {task.title[0].upper()}{task.title[1:]}",
        "",
        f"{plan.epochs} epochs at a rate of {plan.rate:g}, batches of {task.batch}{precision}, {start}.",
        "",
        "| configuration | seeds | top-1 | spread | zeros | FLOPs |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    outstanding = []
    for name, configuration in CONFIGURATIONS.items():
        found = [r for r in records if r["configuration"] == name]
        if not found:
            outstanding.append(configuration.title)
        else:
            lines.append(f"| {configuration.title} | {row(found)} |")
    lines += ["", "| bar | reached | |", "| --- | --- | --- |"]
    lines += [verdict(bar, records) for bar in BARS[task.name]]
    if outstanding:
        lines += ["", textwrap.fill(f"Outstanding: {'; '.join(outstanding)}.", 110, break_on_hyphens=False)]
    return "\n".join([*lines, ""])


def row(found: Sequence[Record]) -> str:
    """seeds | mean | spread | zeros | FLOPs of one configuration's records."""
    failures = [r["failure"] for r in found if "failure" in r]
    if failures:
        return f"{len(found)} | failed | {failures[0]} | |"
    values = [r["accuracy"] for r in found]
    spread = f"{min(values):.1f} to {max(values):.1f}" if len(values) > 1 else ""
    zeros, flops = (mean(r[k] for r in found) if k in found[0] else None for k in ("sparsity", "flops"))
    cells = [str(len(found)), f"{mean(values):.2f}", spread]
    cells += ["" if share is None else f"{share:.{digits}f}" for share, digits in ((zeros, 3), (flops, 3))]
    return " | ".join(cells)


def mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


def verdict(bar: Bar, records: Sequence[Record]) -> str:
    """A bar as a row: what is asked for, what was reached, and whether that is enough."""
    title, reference = (CONFIGURATIONS[name].title for name in (bar.configuration, bar.reference))
    asked = f"{title}: {bar.margin:+.1f} on {reference}"
    found = {(r["configuration"], r["seed"]): r["accuracy"] for r in records if "accuracy" in r}
    differences = [
        value - found[bar.reference, seed]
        for (name, seed), value in found.items()
        if name == bar.configuration and (bar.reference, seed) in found
    ]
    if not differences:
        return f"| {asked} | not measured yet | outstanding |"
    reached = mean(differences)
    counted = f"{len(differences)} seed{'s' if len(differences) > 1 else ''}"
    return f"| {asked} | {reached:+.2f} ({counted}) | {met(reached, bar.margin)} |"


def met(reached: float, margin: float) -> str:
    """Accuracies are counted to a thousandth of a point.

    >>> met(-0.5, -0.5), met(-0.51, -0.5)
    ('met', 'missed')
    """
    return "met" if reached >= margin - 5e-4 else "missed"
