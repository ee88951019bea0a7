"""Tables and a plot of what the kernel benchmarks measured.

    python benchmarks/kernels/report.py benchmarks/runs/<machine>-<date>/kernels

Reads every JSON file of the folder, prints the tables, and writes them beside as `kernels.md`, and the shares
of peak per layer and sparsity as `share-of-peak-<isa>.svg`. A `*` marks what is below the bar that stands
in the row. `benchmarks/results.py` draws the same from the file that is kept of a machine.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What SpMM should reach: form -> sparsity in % -> share of the FMA peak, geometric mean.
SHARE_BARS = {"csr": {80: 0.60, 90: 0.60, 95: 0.45}, "bsr4x1": {70: 0.75, 80: 0.75, 90: 0.75}}
SPEEDUP_BARS = {60: 1.0, 70: 1.0}  # over this runtime's dense GEMM, every layer
MASK_BAR = 0.9  # share on trained masks over share on random ones
SPMV_BAR = 0.7  # of memory's bandwidth, at 90%


@dataclass(frozen=True)
class Row:
    """One row of a benchmark: its name by parts, microseconds, counters, the kernel that ran."""

    parts: tuple[str, ...]
    time_us: float
    counters: dict[str, float]
    kernel: str

    @property
    def family(self) -> str:
        return self.parts[0]

    @property
    def isa(self) -> str:
        return self.parts[1]


@dataclass
class Table:
    """A table and what is said beneath it."""

    title: str
    header: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", f"| {' | '.join(self.header)} |"]
        lines.append("| --- |" + " ---: |" * (len(self.header) - 1))
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"


NOT_COUNTERS = {
    "name", "family_index", "per_family_instance_index", "run_name", "run_type", "repetitions",
    "repetition_index", "threads", "iterations", "real_time", "cpu_time", "time_unit", "label",
}  # fmt: skip


def parse(document: dict[str, Any]) -> list[Row]:
    """The rows of one program's JSON; rows that failed are left out.

    >>> run = {"name": "spmm/avx2/csr/90/net/1->2@3x3k1s1/iterations:1/manual_time", "real_time": 2.0,
    ...        "time_unit": "us", "share": 0.5, "label": "spmm/avx2 csr 1x64"}
    >>> row = parse({"benchmarks": [run]})[0]
    >>> row.parts[2:5], row.counters, row.kernel
    (('csr', '90', 'net'), {'share': 0.5}, 'spmm/avx2 csr 1x64')
    """
    rows = []
    for run in document["benchmarks"]:
        if run.get("error_occurred"):
            continue
        parts = tuple(
            p for p in run["name"].split("/") if p != "manual_time" and not p.startswith("iterations:")
        )
        counters = {
            k: float(v) for k, v in run.items() if k not in NOT_COUNTERS and isinstance(v, (int, float))
        }
        rows.append(Row(parts, run["real_time"], counters, run.get("label", "")))
    return rows


def load(folder: Path) -> tuple[list[Row], dict[str, Any]]:
    """All rows of a folder, and the context (machine, compiler) of the last file.

    Of a row that several passes measured, the fastest counts: interference only slows.
    """
    rows: list[Row] = []
    context: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        if "benchmarks" in document:
            rows += parse(document)
            context = document["context"]
    best: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if row.family != "core" and row.time_us < best.setdefault(row.parts, row).time_us:
            best[row.parts] = row
    return [row for row in rows if row.family == "core"] + list(best.values()), context


def geomean(values: Iterable[float]) -> float:
    """Geometric mean; NaN of nothing.

    >>> geomean([1.0, 4.0])
    2.0
    """
    logs = [math.log(v) for v in values]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def percent(value: float, bar: float | None = None) -> str:
    """A share in percent, starred below its bar; empty for NaN.

    >>> percent(0.614), percent(0.614, 0.65), percent(math.nan)
    ('61', '61*', '')
    """
    if math.isnan(value):
        return ""
    return f"{100 * value:.0f}" + ("*" if bar is not None and value < bar else "")


def unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def core_table(rows: Sequence[Row]) -> Table:
    """FMA peak and bandwidth per ISA: the best of the programs, each of which measures them first."""
    found = [r for r in rows if r.family == "core"]
    levels = unique("/".join(r.parts[2:]) for r in found if len(r.parts) == 4)
    table = Table("The core", ["ISA", "FMA peak, GFLOP/s", *(f"{level}, GB/s" for level in levels)])
    for isa in unique(r.isa for r in found):
        cells = []
        for what in ["fma", *levels]:
            values = [
                r.counters.get("gflops", r.counters.get("GB/s", math.nan))
                for r in found
                if r.isa == isa and "/".join(r.parts[2:]) == what
            ]
            cells.append(f"{max(values):.0f}")
        table.rows.append([isa, *cells])
    return table


def sparsities(rows: Iterable[Row]) -> list[int]:
    return sorted({int(r.parts[3]) for r in rows})


def share_table(rows: Sequence[Row], title: str, groups: Callable[[Row], str]) -> Table:
    """SpMM shares of peak, geometric mean over layers, by what `groups` says, form and sparsity."""
    columns = sparsities(rows)
    table = Table(title, ["", *(f"{s}%" for s in columns)])
    for key in unique((r.isa, r.parts[2], groups(r)) for r in rows):
        isa, form, group = key
        cells = []
        for s in columns:
            shares = [
                r.counters["share"] for r in rows
                if (r.isa, r.parts[2], groups(r)) == key and int(r.parts[3]) == s
            ]  # fmt: skip
            bar = SHARE_BARS.get(form, {}).get(s) if not group else None
            cells.append(percent(geomean(shares), bar))
        table.rows.append([" ".join(filter(None, (isa, form, group))), *cells])
    return table


def layer_table(rows: Sequence[Row], isa: str) -> Table:
    """Share of peak of each layer by form and sparsity."""
    chosen = [r for r in rows if r.isa == isa]
    columns = unique((r.parts[2], int(r.parts[3])) for r in chosen)
    by = {(r.parts[2], int(r.parts[3]), r.parts[4:]): r.counters["share"] for r in chosen}
    table = Table(f"Share of the FMA peak by layer, {isa}, %", ["layer", *(f"{f} {s}" for f, s in columns)])
    for layer in unique(r.parts[4:] for r in chosen):
        cells = [percent(by.get((f, s, layer), math.nan)) for f, s in columns]
        table.rows.append([" ".join(layer), *cells])
    return table


def dense_table(rows: Sequence[Row]) -> Table:
    """Speed over this runtime's own dense GEMM, layer by layer in turns."""
    sparse = [r for r in rows if r.parts[2] != "dense"]
    columns = sparsities(sparse)
    table = Table(
        "Speed over this runtime's dense GEMM: geometric mean (slowest layer)",
        ["", *(f"{s}%" for s in columns)],
    )
    slower = []
    for isa, form in unique((r.isa, r.parts[2]) for r in sparse):
        cells = []
        for s in columns:
            speeds = [
                (r.counters["speedup"], r) for r in sparse
                if (r.isa, r.parts[2], int(r.parts[3])) == (isa, form, s)
            ]  # fmt: skip
            if not speeds:
                cells.append("")
                continue
            values = [v for v, _ in speeds]
            cells.append(f"{geomean(values):.2f} ({min(values):.2f})")
            bar = SPEEDUP_BARS.get(s)
            slower += [f"{' '.join(r.parts[1:])} {v:.2f}" for v, r in speeds if bar is not None and v < bar]
        table.rows.append([f"{isa} {form}", *cells])
    table.notes.append(
        "Not faster than dense at 60 or 70%: " + ("; ".join(slower) if slower else "no layer") + "."
    )
    return table


def mask_table(rows: Sequence[Row]) -> Table:
    """Trained masks beside random ones of the same shape and number of nonzeros."""
    table = Table(
        "Masks of trained networks, share of the FMA peak, %",
        ["", "layers", "zeros", "trained", "random", "trained / random", "worst layer"],
    )
    many = [r for r in rows if r.counters["positions"] > 1]
    for isa, method, sparsity in unique(r.parts[1:4] for r in many):
        chosen = [r for r in many if r.parts[1:4] == (isa, method, sparsity)]
        ratio = geomean(r.counters["ratio"] for r in chosen)
        worst = min(r.counters["ratio"] for r in chosen)
        zeros = [100 * r.counters["sparsity"] for r in chosen]
        table.rows.append(
            [
                f"{isa} {method} {sparsity}%",
                str(len(chosen)),
                f"{min(zeros):.0f}-{max(zeros):.0f}" if max(zeros) - min(zeros) > 1 else f"{max(zeros):.0f}",
                percent(geomean(r.counters["share"] for r in chosen)),
                percent(geomean(r.counters["random_share"] for r in chosen)),
                f"{ratio:.2f}" + ("*" if ratio < MASK_BAR else ""),
                f"{worst:.2f}",
            ]
        )
    return table


def memory_bandwidth(rows: Sequence[Row], isa: str) -> float:
    """What a core reads from memory, GB/s: the best that any row saw."""
    found = [r.counters["GB/s"] for r in rows if r.parts == ("core", isa, "read", "memory")]
    found += [r.counters["bound"] for r in rows if r.parts[:2] == ("spmv", isa) and r.parts[4] == "memory"]
    return max(found, default=math.nan)


def spmv_table(rows: Sequence[Row], all_rows: Sequence[Row]) -> Table:
    """One position: bandwidth of packed weights against plain loads of as many bytes, and memory's."""
    header = ["", "weights in", "us", "bytes a nonzero", "GB/s", "plain loads"]
    header += ["share, %", "of memory's, %", "over dense"]
    table = Table("One position (SpMV): bandwidth of packed weights", header)
    for r in rows:
        c = r.counters
        memory = c["GB/s"] / memory_bandwidth(all_rows, r.isa)
        table.rows.append(
            [
                " ".join((r.isa, *r.parts[2:4], r.parts[5])),
                r.parts[4],
                f"{r.time_us:.1f}",
                f"{c['bytes']:.2f}",
                f"{c['GB/s']:.0f}",
                f"{c['bound']:.0f}",
                percent(c["share"]),
                percent(memory, SPMV_BAR if r.parts[3] == "90" else None),
                f"{c['speedup']:.2f}" if "speedup" in c else "",
            ]
        )
    return table


def flat_table(rows: Sequence[Row], title: str, counters: dict[str, tuple[str, float]]) -> Table:
    """A row per benchmark with the counters named: (heading, factor)."""
    table = Table(title, ["", "us", *(heading for heading, _ in counters.values())])
    for r in rows:
        cells = [f"{factor * r.counters[name]:.0f}" for name, (_, factor) in counters.items()]
        table.rows.append([" ".join(r.parts[1:]), f"{r.time_us:.1f}", *cells])
    return table


def tables(rows: Sequence[Row]) -> list[Table]:
    """Every table there are rows for."""
    of = {family: [r for r in rows if r.family == family] for family in unique(r.family for r in rows)}
    made = []
    if "core" in of:
        made.append(core_table(rows))
    if spmm := of.get("spmm"):
        layers = len(unique(r.parts[4:] for r in spmm))
        made.append(
            share_table(
                spmm, f"SpMM, share of the FMA peak, %: geometric mean of {layers} layers", lambda _: ""
            )
        )
        csr = [r for r in spmm if r.parts[2] in ("csr", "dense")]
        made.append(share_table(csr, "The same by network", lambda r: r.parts[4]))
        made.append(dense_table(spmm))
    if masks := of.get("masks"):
        made.append(mask_table(masks))
    if spmv := of.get("spmv"):
        made.append(spmv_table(spmv, rows))
    fma = {"gflops": ("GFLOP/s", 1.0), "share": ("share of peak, %", 100.0)}
    if attention := of.get("attention"):
        made.append(flat_table(attention, "Attention", fma))
    if depthwise := of.get("depthwise"):
        made.append(
            flat_table(depthwise, "Depthwise", {**fma, "stream": ("share of read and write, %", 100.0)})
        )
    moved = {"GB/s": ("GB/s", 1.0), "bound": ("plain copy", 1.0), "share": ("share, %", 100.0)}
    if panel := of.get("panel"):
        made.append(flat_table(panel, "Panels of 3x3 convolutions, packed", moved))
    if movement := of.get("movement"):
        made.append(flat_table(movement, "What moves data: share of read and write bandwidth", moved))
    made += [layer_table(of["spmm"], isa) for isa in unique(r.isa for r in of.get("spmm", []))]
    return made


def share_plot(rows: Sequence[Row], isa: str) -> Any:
    """Share of the FMA peak, a line of dots per layer, one colour per sparsity; the bar at 60%."""
    from matplotlib import colormaps

    from secateur.bench.plots import new_figure

    layers = unique(r.parts[4:] for r in rows)
    figure = new_figure(8.0, 0.2 * len(layers) + 1.6)
    axes = figure.subplots()
    series = unique((r.parts[2], int(r.parts[3])) for r in rows if r.parts[2] in ("dense", "csr"))
    colours = colormaps["viridis"]
    places = {layer: number for number, layer in enumerate(layers)}
    for number, (form, sparsity) in enumerate(series):
        chosen = [r for r in rows if r.parts[2:4] == (form, str(sparsity))]
        shade = 0.95 * (number - 1) / max(len(series) - 2, 1)
        axes.plot(
            [100 * r.counters["share"] for r in chosen],
            [places[r.parts[4:]] for r in chosen],
            "o",
            markersize=4.5,
            color="#888888" if form == "dense" else colours(shade),
            label="dense" if form == "dense" else f"{sparsity}%",
        )
    axes.axvline(60, color="#d1495b", linewidth=1, linestyle="--")
    axes.set_yticks(range(len(layers)), [" ".join(layer) for layer in layers], fontsize=7)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the FMA peak on nonzeros, %")
    axes.set_title(f"CSR on random masks, {isa}, one thread", loc="left", fontsize=11)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, ncols=len(series), loc="lower center", bbox_to_anchor=(0.4, 1.02), frameon=False)
    return figure


def write(rows: Sequence[Row], context: dict[str, Any], folder: Path) -> list[Path]:
    """Writes `kernels.md` and the plots into a folder, which is made where it is missing; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = f"{context.get('cpu', '')}, compiler {context.get('compiler', '')}, one thread."
    text = f"# Kernels as shares of what bounds them\n\n{machine}\n\n" + "\n".join(
        table.markdown() for table in tables(rows)
    )
    written = [folder / "kernels.md"]
    written[0].write_text(text)
    spmm = [r for r in rows if r.family == "spmm"]
    for isa in unique(r.isa for r in spmm):
        written.append(folder / f"share-of-peak-{isa}.svg")
        share_plot([r for r in spmm if r.isa == isa], isa).savefig(written[-1])
    return written


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rows, context = load(folder)
    if not rows:
        print(f"report.py: no kernel benchmarks in {folder}", file=sys.stderr)
        return 1
    print(write(rows, context, folder)[0].read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
