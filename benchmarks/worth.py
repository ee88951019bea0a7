"""The tables of docs/worth-it.md, from the kept measurements.

python benchmarks/worth.py            prints them
python benchmarks/worth.py --write    puts them into the page
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "worth-it.md"
RESULTS = HERE / "results" / "amd-epyc-zen4.json"
OWN = {"secateur", "secateur-dense"}


def milliseconds(engine: Mapping[str, Any]) -> float:
    return float(engine["stats_ns"]["median"]) / 1e6


def networks(results: list[Any]) -> str:
    """A row for each network: times dense, pruned, of the fastest dense rival, and the ratios."""
    lines = [
        "| network, one thread | dense rival | 80% pruned | 90% pruned | 80%, 90% against it | file at 90% |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(r["network"] for r in results):
        cells, ratios, sizes = [], [], {}
        for sparsity in (0.8, 0.9):
            (result,) = (r for r in results if r["network"] == name and r["sparsity"] == sparsity)
            ok = {e["engine"]: e for e in result["engines"] if e["status"] == "ok"}
            rival = min((e for e in ok.values() if e["engine"] not in OWN), key=milliseconds)
            cells.append(f"{milliseconds(ok['secateur']):.1f} ms")
            ratios.append(f"{milliseconds(rival) / milliseconds(ok['secateur']):.1f}x")
            sizes[sparsity] = (
                ok["secateur"]["facts"]["file_bytes"] / ok["secateur-dense"]["facts"]["file_bytes"]
            )
        fastest = f"{milliseconds(rival):.1f} ms ({rival['label']})"
        lines.append(
            f"| {name} | {fastest} | {cells[0]} | {cells[1]} | {', '.join(ratios)} | {sizes[0.9]:.0%} |"
        )
    return "\n".join(lines)


def kind(kernel: str) -> str:
    """What a layer is, by the kernel that its dense self runs."""
    if kernel.startswith("spmv"):
        return "linear, one position"
    return "1x1, and linear over tokens" if "panel" not in kernel else "k x k"


def layers(results: list[Any]) -> str:
    """A row for each kind of layer and sparsity: how much faster than its dense self, over all networks."""
    ratios: dict[tuple[str, float], list[float]] = {}
    for result in results:
        dense = {layer["name"]: layer for layer in result["dense_layers"]}
        for layer in result["layers"]:
            other = dense.get(layer["name"])
            sparse = re.search(r" (csr|bsr|nm)", layer["kernel"])
            if sparse is None or other is None or other["op"] != layer["op"]:
                continue
            found = ratios.setdefault((kind(other["kernel"]), result["sparsity"]), [])
            found.append(other["median_ns"] / layer["median_ns"])
    lines = ["| layers | zeros | how many | faster than dense by |", "| --- | --- | --- | --- |"]
    for (name, sparsity), found in sorted(ratios.items()):
        spread = f"{median(found):.1f}x ({min(found):.1f} to {max(found):.1f})"
        lines.append(f"| {name} | {sparsity:.0%} | {len(found)} | {spread} |")
    return "\n".join(lines)


def tables(path: Path = RESULTS) -> dict[str, str]:
    results = json.loads(path.read_text())["runs"][""]["results"]
    return {"networks": networks(results), "layers": layers(results)}


def filled(page: str, made: Mapping[str, str]) -> str:
    """The page with what stands behind each `<!-- table: NAME -->` replaced."""
    for name, table in made.items():
        mark = f"<!-- table: {name} -->\n"
        assert page.count(mark) == 1, mark
        page = re.sub(
            re.escape(mark) + r"\n?(\|[^\n]*\n)*\n?", lambda _, t=table, m=mark: f"{m}\n{t}\n\n", page
        )
    return page


def main() -> int:
    made = tables()
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(filled(PAGE.read_text(), made))
        return 0
    print("\n\n".join(made.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
