"""The report's pictures, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from secateur.bench.plots import COLOURS, new_figure
from secateur.demo.data import Digits
from secateur.demo.measure import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "D", "^", "v")


def svg(figure: Figure) -> str:
    """The `<svg>` element, without the XML head, to stand inside HTML."""
    out = io.StringIO()
    figure.savefig(out, format="svg")
    text = out.getvalue()
    return text[text.index("<svg") :]


def size_against_accuracy(rows: Sequence[Row]) -> Figure:
    """Each network as a point: file size, and test accuracy by the compiled model."""
    figure = new_figure(6.0, 3.8)
    axes = figure.subplots()
    for number, row in enumerate(rows):
        x, y = row.file_bytes / 1e3, 100 * row.accuracy
        axes.plot([x], [y], MARKERS[number % len(MARKERS)], markersize=9, alpha=0.85, label=row.label)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    axes.set_xlim(0, 1.15 * max(row.file_bytes for row in rows) / 1e3)
    low = 100 * min(row.accuracy for row in rows)
    axes.set_ylim(low - 0.6 - 0.1 * (100 - low), 100.6)
    axes.set_xlabel("model file, kB")
    axes.set_ylabel("test accuracy, %")
    axes.grid(alpha=0.25)
    return figure


def latency_bars(rows: Sequence[Row]) -> Figure:
    """Median latency of each network in this runtime, in its dense self, and in PyTorch; whisker to p90."""
    figure = new_figure(7.2, 3.8)
    axes = figure.subplots()
    timed = [row for row in rows if row.latency and row.dense_latency and row.torch_latency]
    xs = np.arange(len(timed), dtype=float)
    groups = (
        ("PyTorch eager", COLOURS["torch"], [r.torch_latency for r in timed]),
        ("dense self, compiled", COLOURS["secateur-dense"], [r.dense_latency for r in timed]),
        ("compiled", COLOURS["secateur"], [r.latency for r in timed]),
    )
    thin = {"elinewidth": 0.8}
    for place, (label, colour, summaries) in enumerate(groups):
        medians = [s.median / 1e6 for s in summaries if s]
        upper = [(s.p90 - s.median) / 1e6 for s in summaries if s]
        axes.bar(xs + 0.27 * (place - 1), medians, 0.25, color=colour, label=label,
                        yerr=[[0.0] * len(upper), upper], capsize=2, error_kw=thin)  # fmt: skip
        for x, median in zip(xs + 0.27 * (place - 1), medians, strict=True):
            axes.text(x, median, f" {median:.2f}", fontsize=7, ha="left", va="bottom")
    # A neighbour's burst may put a p90 far above everything; medians are what is read here.
    tallest = max((s.median for _, _, group in groups for s in group if s), default=1.0)
    axes.set_ylim(0, 1.5 * tallest / 1e6)
    axes.set_xticks(xs, [r.label for r in timed], fontsize=8)
    axes.set_ylabel("latency, ms (median; whisker to p90)")
    axes.legend(fontsize=8, frameon=False)
    axes.grid(axis="y", alpha=0.25)
    return figure


def sample_digits(data: Digits, row: Row, count: int = 16, seed: int = 0) -> Figure:
    """Test images with what the compiled model reads; its mistakes first, in red."""
    wrong = [i for i, p in enumerate(row.predictions) if p != data.test_labels[i]]
    rng = np.random.default_rng(seed)
    others = [int(i) for i in rng.permutation(len(row.predictions)) if i not in set(wrong)]
    chosen = (wrong[: count // 2] + others)[:count]
    figure = new_figure(8.0, 2.6)
    grid = np.atleast_2d(figure.subplots(2, max(1, (len(chosen) + 1) // 2)))
    for axes in grid.flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, chosen, strict=False):
        axes.imshow(data.test_images[i, 0], cmap="gray_r", interpolation="nearest")
        right = row.predictions[i] == data.test_labels[i]
        text = str(row.predictions[i]) + ("" if right else f" (is {data.test_labels[i]})")
        axes.set_title(text, fontsize=9, color="#222222" if right else "#b00020", pad=2)
    return figure
