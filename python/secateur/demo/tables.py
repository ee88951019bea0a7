"""The demo's tables, once as rows of text that both the terminal and the report show."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.bench.report import Result, ratio
from secateur.bench.stats import Summary, milliseconds
from secateur.demo.measure import Row

DIGITS_HEADER = (
    "network",
    "test accuracy",
    "in PyTorch",
    "nonzero weights",
    "file kB",
    "of dense",
    "median ms",
    "p90 ms",
    "vs dense self",
    "vs PyTorch",
)
# What fits 80 columns; accuracy in PyTorch stands in the checks below the table.
NARROW = (
    "network",
    "test accuracy",
    "file kB",
    "of dense",
    "median ms",
    "p90 ms",
    "vs dense self",
    "vs PyTorch",
)
ZOO_HEADER = ("network", "weights", "sparsity", "median ms", "p90 ms", "vs dense self", "vs PyTorch")


def narrowed(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The columns of `NARROW` out of `digits_rows`."""
    places = [DIGITS_HEADER.index(name) for name in NARROW]
    return [[row[place] for place in places] for row in rows]


def _median(summary: Summary | None) -> float | None:
    return None if summary is None else summary.median


def _ms(summary: Summary | None, field: str) -> str:
    return "not timed" if summary is None else milliseconds(getattr(summary, field))


def digits_rows(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    dense = rows[0].file_bytes
    return [
        (
            row.label,
            f"{row.accuracy:.2%}",
            f"{row.torch_accuracy:.2%}",
            f"{row.parameters:,}",
            f"{row.file_bytes / 1e3:.0f}",
            f"{row.file_bytes / dense:.2f}×",
            _ms(row.latency, "median"),
            _ms(row.latency, "p90"),
            ratio(_median(row.dense_latency), _median(row.latency)) if row is not rows[0] else "1",
            ratio(_median(row.torch_latency), _median(row.latency)),
        )
        for row in rows
    ]


def zoo_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    shown: list[tuple[str, ...]] = []
    for result in results:
        summary = next((o.summary for o in result.outcomes if o.engine == "secateur"), None)
        own = _median(summary)
        pruned = result.workload.sparsity > 0
        shown.append(
            (
                result.workload.name,
                result.workload.weights,
                f"{result.workload.sparsity:.0%}",
                _ms(summary, "median"),
                _ms(summary, "p90"),
                ratio(result.median("secateur-dense"), own) if pruned else "1",
                ratio(result.median("torch"), own),
            )
        )
    return shown
