"""What a benchmark came to: one JSON file, and tables for people."""

from __future__ import annotations

import datetime
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from secateur.bench.harness import Outcome
from secateur.bench.machine import machine, versions
from secateur.bench.stats import milliseconds
from secateur.bench.workload import Workload
from secateur.deploy.facts import in_words
from secateur.errors import SaveError
from secateur.files import save_atomically
from secateur.text import json_ready, printable

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA = "secateur-bench/1"
ENGINE_HEADER = (
    "engine",
    "median ms",
    "p90 ms",
    "min ms",
    "MAD",
    "vs PyTorch",
    "vs fastest dense rival",
    "max error",
)
# Engines that run this network dense, whatever its zeros: the lines that sparse has to beat.
DENSE_RIVALS = (
    "torch",
    "onnxruntime",
    "openvino",
    "litert",
    "tflite",
    "onnxruntime-int8",
    "openvino-int8",
)


@dataclass
class Result:
    """One workload with one number of threads: what every engine made of it."""

    workload: Workload
    threads: int
    outcomes: list[Outcome]
    layers: list[dict[str, Any]] = field(default_factory=list)
    dense_layers: list[dict[str, Any]] = field(default_factory=list)
    sensors: dict[str, Any] = field(default_factory=dict)  # of the machine meanwhile (deploy.facts.told)

    def median(self, engine: str) -> float | None:
        """Nanoseconds, or None where the engine was not timed."""
        for outcome in self.outcomes:
            if outcome.engine == engine and outcome.summary is not None:
                return outcome.summary.median
        return None

    def fastest_rival(self) -> tuple[str, float] | None:
        """(label, median) of the fastest dense engine of others that was timed."""
        times = [
            (o.label, o.summary.median)
            for o in self.outcomes
            if o.engine in DENSE_RIVALS and o.summary is not None
        ]
        return min(times, key=lambda pair: pair[1]) if times else None

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.workload.describe(),
            "threads": self.threads,
            "engines": [o.to_dict() for o in self.outcomes],
            "layers": self.layers,
            "dense_layers": self.dense_layers,
            **({"sensors": self.sensors} if self.sensors else {}),
        }

    @classmethod
    def from_dict(cls, entry: dict[str, Any]) -> Result:
        """What `to_dict` gave, for tables and plots: its network is gone, as after `Workload.release`."""
        import torch

        workload = Workload(
            entry["network"],
            torch.nn.Identity(),
            tuple(np.zeros(shape, np.float32) for shape in entry["input_shapes"]),
            entry["sparsity"],
            entry["pattern"],
            entry["weights"],
        )
        outcomes = [Outcome.from_dict(engine) for engine in entry["engines"]]
        rest = entry["layers"], entry["dense_layers"], entry.get("sensors", {})
        return cls(workload, entry["threads"], outcomes, *rest)


def document(results: Iterable[Result], **extra: Any) -> dict[str, Any]:
    """All that is needed to read the numbers later: machine, versions, command, statistics, samples."""
    return {
        "schema": SCHEMA,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": [os.path.basename(sys.argv[0]), *sys.argv[1:]],
        "machine": machine(),
        "versions": versions(),
        **extra,
        "results": [result.to_dict() for result in results],
    }


def write_file(path: Path, content: str | bytes) -> None:
    """Writes whole or not at all, making the folder where it is missing. Raises SaveError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"cannot make the folder {path.parent}: {error.strerror or error}") from error
    save_atomically(path, content.encode() if isinstance(content, str) else content)


def write_json(path: Path, content: dict[str, Any]) -> None:
    write_file(path, json.dumps(json_ready(content), indent=1, allow_nan=False) + "\n")


def ratio(other: float | None, own: float | None) -> str:
    """How many times `own` fits in `other`: above 1, `own` is faster.

    >>> ratio(10.0, 4.0), ratio(None, 4.0)
    ('2.50×', '')
    """
    return f"{other / own:.2f}×" if other is not None and own else ""


def text_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Table:
    """A table as narrow as its cells: headers are broken over lines rather than widen a column.

    `left`: columns aligned left, the rest right.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = [[printable(cell) for cell in row] for row in rows]
    shown = Table(
        title=Text(printable(title)),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for number, name in enumerate(header):
        widest = max(len(text) for text in (*name.split(), *(row[number] for row in rows)))
        justify: Literal["left", "right"] = "left" if number < left else "right"
        shown.add_column(textwrap.fill(name, widest), justify=justify)
    for row in rows:
        shown.add_row(*map(Text, row))  # a name in brackets is no markup
    return shown


def table(result: Result) -> Table:
    """One workload's engines, with their speed against PyTorch and the fastest dense rival."""
    threads = f"{result.threads} thread" + ("s" if result.threads > 1 else "")
    torch_median = result.median("torch")
    rival = result.fastest_rival()
    rows: list[list[str]] = []
    for o in result.outcomes:
        s = o.summary
        if s is None:
            rows.append([o.label, o.status, *[""] * (len(ENGINE_HEADER) - 2)])
            continue
        rows.append(
            [
                o.label,
                milliseconds(s.median),
                milliseconds(s.p90),
                milliseconds(s.min),
                f"{s.mad / s.median:.1%}",
                ratio(torch_median, s.median),
                ratio(rival[1], s.median) if rival else "",
                f"{o.max_abs_err:.0e}" if o.max_abs_err is not None else "",
            ]
        )
    title = f"{result.workload.label}, {threads} ({result.workload.weights})"
    return text_table(title, ENGINE_HEADER, rows)


def notes(results: Iterable[Result]) -> list[str]:
    """What the sensors said while a workload was measured, and one line per engine that did not take part,
    and why."""
    lines: dict[str, None] = {}
    for result in results:
        said = in_words(result.sensors) if result.sensors else ""
        if said:
            lines[f"{result.workload.label}, threads {result.threads}: {said}"] = None
        for o in result.outcomes:
            if o.status == "not installed":
                lines[f"{o.label}: not installed; {o.message}"] = None
            elif o.message or o.status != "ok":
                lines[f"{o.label} on {result.workload.label}: {o.status}; {o.message}"] = None
    return [printable(line) for line in lines]
