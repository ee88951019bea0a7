"""The report of a coverage run: as a table of this run, and as the committed one with its document."""

from __future__ import annotations

import json
import pathlib
from typing import Any

ROOT = pathlib.Path(__file__).parents[2]
Row = dict[str, Any]


def _one_line(row: Row) -> str:
    """Why not, in a line."""
    return "" if row["ok"] else f"{row['stage']}: {' '.join(row['why'])[:160]}".replace("|", "\\|")


def report(rows: list[Row]) -> str:
    """Markdown: what compiles by package, then each network."""
    lines = ["| package | compile and match | of |", "| --- | --- | --- |"]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["name"].split("/")[0], []).append(row)
    for group, members in sorted(groups.items()):
        lines.append(f"| {group} | {sum(r['ok'] for r in members)} | {len(members)} |")
    lines.append(f"| all | {sum(r['ok'] for r in rows)} | {len(rows)} |")
    lines += ["", "| network | parameters | error | why not |", "| --- | --- | --- | --- |"]
    for row in sorted(rows, key=lambda r: str(r["name"])):
        error = f"{row['error']:.0e}" if "error" in row else ""
        lines.append(f"| {row['name']} | {row.get('parameters', 0):,} | {error} | {_one_line(row)} |")
    return "\n".join(lines) + "\n"


_HEAD = """# Networks that compile

Families from the packages that people take networks from, each made with random weights at a small size,
compiled for this machine, and run on inputs that it was not compiled with. *error* is the largest difference
from PyTorch over the largest output; what `compile` itself demands is tighter ([numerics.md](numerics.md)).
Rows that a network sorts by nearly equal scores may change places: they are compared in the nearest order.
Weights that begin as zeros get random values, as a trained network has. secateur needs none of the packages.

To repeat it (the first call makes an environment with the packages in `build/coverage/venv`):

    make coverage                             # all; ARGS="--only 'timm/*'" for some
    benchmarks/coverage/run.sh --resume       # those that did not match the last time
    benchmarks/coverage/run.sh --keep         # writes this page and benchmarks/coverage/coverage.json

"""


def keep(rows: list[Row], total: int) -> None:
    """Writes benchmarks/coverage/coverage.json, a row a network, and docs/coverage.md. total: networks
    of the list, tried or not."""
    kept = []
    for row in sorted(rows, key=lambda r: str(r["name"])):
        short = {key: row[key] for key in ("name", "ok", "parameters") if key in row}
        if "error" in row:
            short["error"] = float(f"{row['error']:.1e}")
        kept.append(
            short if row["ok"] else short | {"stage": row["stage"], "why": [" ".join(row["why"])[:160]]}
        )
    tried = f"Of the {total} networks of the list {len(kept)} were run for this page."
    lines = ",\n".join(json.dumps(row) for row in kept)
    (ROOT / "benchmarks" / "coverage" / "coverage.json").write_text(f"[\n{lines}\n]\n")
    (ROOT / "docs" / "coverage.md").write_text(f"{_HEAD}{tried}\n\n{report(kept)}")
