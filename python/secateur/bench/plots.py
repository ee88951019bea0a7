"""Plots of a benchmark: latency against sparsity, dense rivals as lines; layers sparse against dense."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secateur.bench.report import DENSE_RIVALS, Result, write_file
from secateur.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {
    "secateur": "#0b6e4f",
    "secateur-dense": "#8cbf9f",
    "secateur-int8": "#004b8d",
    "secateur-dense-int8": "#7fb2d9",
    "torch": "#d1495b",
    "onnxruntime": "#3d5a80",
    "onnxruntime-int8": "#8d9db5",
    "openvino": "#6a4c93",
    "openvino-int8": "#b39bd0",
    "litert": "#edae49",
    "tflite": "#7d5ba6",
}


def new_figure(width: float, height: float) -> Figure:
    """A figure that needs no screen and no global pyplot state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def latency_against_sparsity(results: Sequence[Result]) -> Figure:
    """One network, one number of threads; medians with p90 whiskers. Dense engines are dashed."""
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    ordered = sorted(results, key=lambda r: r.workload.sparsity)
    engines = {o.engine: o.label for r in ordered for o in r.outcomes if o.samples}
    for engine, label in engines.items():
        xs: list[float] = []
        ys: list[float] = []
        up: list[float] = []
        for r in ordered:
            # A dense network is its own dense self, measured once.
            wanted = (
                {engine, "secateur"} if engine == "secateur-dense" and not r.workload.sparsity else {engine}
            )
            for o in r.outcomes:
                if o.engine in wanted and (s := o.summary) is not None:
                    xs.append(100 * r.workload.sparsity)
                    ys.append(s.median / 1e6)
                    up.append((s.p90 - s.median) / 1e6)
        dense = engine in DENSE_RIVALS or engine.startswith("secateur-dense")
        line = "--" if dense else "-"
        colour = COLOURS.get(engine, "#555555")
        if dense and len(set(xs)) == 1:
            axes.axhline(ys[0], linestyle=line, color=colour, label=label)
        else:
            marker = "" if dense else "o"
            axes.errorbar(xs, ys, yerr=[[0.0] * len(up), up], linestyle=line, marker=marker, color=colour,
                          label=label, capsize=2, elinewidth=0.8)  # fmt: skip
    axes.set_xlabel("sparsity of the pruned layers, %")
    axes.set_ylabel("latency, ms (median; whisker to p90)")
    axes.set_ylim(bottom=0)
    threads = f"{ordered[0].threads} thread" + ("s" if ordered[0].threads > 1 else "")
    name = printable(ordered[0].workload.name)
    axes.set_title(f"{name}, {threads}", loc="left", fontsize=11, parse_math=False)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, frameon=False)
    return figure


def layers_sparse_against_dense(
    sparse: Sequence[dict[str, Any]], dense: Sequence[dict[str, Any]], title: str
) -> Figure:
    """Median time of each layer, pruned beside dense; layers are matched by name."""
    dense_by_name = {row["name"]: row["median_ns"] for row in dense}
    rows = [(r["name"], r["median_ns"], dense_by_name.get(r["name"], 0)) for r in sparse]
    rows = [r for r in rows if max(r[1], r[2]) > 0]
    figure = new_figure(7.2, max(2.4, 0.22 * len(rows) + 1.2))
    axes = figure.subplots()
    ys = range(len(rows))
    axes.barh(
        [y + 0.2 for y in ys], [r[2] / 1e3 for r in rows], 0.4, color=COLOURS["secateur-dense"], label="dense"
    )
    axes.barh(
        [y - 0.2 for y in ys], [r[1] / 1e3 for r in rows], 0.4, color=COLOURS["secateur"], label="pruned"
    )
    axes.set_yticks(list(ys), [printable(str(r[0])) for r in rows], fontsize=7, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel("time in the layer, µs (median)")
    axes.set_title(printable(title), loc="left", fontsize=11, parse_math=False)
    axes.legend(fontsize=8, frameon=False)
    axes.grid(axis="x", alpha=0.25)
    return figure


def slug(name: str) -> str:
    """A network's name as part of a file's.

    >>> slug("Encoder 6x384, 128 tokens"), slug("ResNet-50")
    ('encoder-6x384-128-tokens', 'resnet-50')
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _svg(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="svg")
    return out.getvalue()


def save_all(results: Sequence[Result], folder: Path) -> list[Path]:
    """Every plot of `results` as SVG in `folder`; the paths written."""
    written = []
    groups: dict[tuple[str, int], list[Result]] = {}
    for r in results:
        groups.setdefault((r.workload.name, r.threads), []).append(r)
    for (name, threads), group in groups.items():
        path = folder / f"latency-{slug(name)}-{threads}t.svg"
        write_file(path, _svg(latency_against_sparsity(group)))
        written.append(path)
    for r in results:
        if r.layers and r.dense_layers:
            path = (
                folder / f"layers-{slug(r.workload.name)}-{round(100 * r.workload.sparsity)}-{r.threads}t.svg"
            )
            write_file(path, _svg(layers_sparse_against_dense(r.layers, r.dense_layers, r.workload.label)))
            written.append(path)
    return written
