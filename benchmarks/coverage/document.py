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
    lines += ["", "| network | parameters | error | Arm | 80% | 80%, Arm | why not |", "| --- " * 7 + "|"]
    for row in sorted(rows, key=lambda r: str(r["name"])):
        pruned = row.get("pruned", {})
        errors = [f"{of[key]:.0e}" if key in of else "" for of in (row, pruned) for key in ("error", "arm")]
        at_80 = f"at 80%: {_one_line(pruned)}" if pruned and not pruned["ok"] else ""
        why = "; ".join(filter(None, (_one_line(row), at_80)))
        lines.append(f"| {row['name']} | {row.get('parameters', 0):,} | {' | '.join(errors)} | {why} |")
    return "\n".join(lines) + "\n"


_HEAD = """# Networks that compile

Families from the packages that people take networks from, each made with random weights at a small size,
compiled for this machine, and run on inputs that it was not compiled with. *error* is the largest difference
from PyTorch over the largest output, *80%* the same of the pruned network, *Arm* the largest on emulated
cores (Cortex-A53, A72, A76); an empty cell has no run. What `compile` itself demands is tighter
([numerics.md](numerics.md)).
Rows that a network sorts by nearly equal scores may change places: they are compared in the nearest order.
Weights that begin as zeros get random values, as a trained network has. secateur needs none of the packages.

To repeat it (the first call makes an environment with the packages in `build/coverage/venv`):

    make coverage                             # all; ARGS="--only 'timm/*'" for some
    benchmarks/coverage/run.sh --sparsity 0.8 --arm   # pruned, and on emulated cores, too
    benchmarks/coverage/run.sh --resume       # those that did not match the last time
    benchmarks/coverage/run.sh --keep         # writes this page and benchmarks/coverage/coverage.json

"""


def keep(dense: list[Row], pruned: list[Row], total: int) -> None:
    """Writes benchmarks/coverage/coverage.json, a row a network, and docs/coverage.md.

    pruned: what the runs at 80% found, as many as there are; total: networks of the list, tried or not.
    """
    at_80 = {row["name"]: row for row in pruned}
    kept = []
    for row in sorted(dense, key=lambda r: str(r["name"])):
        short = _short(row)
        if row["name"] in at_80:
            short["pruned"] = {k: v for k, v in _short(at_80[row["name"]]).items() if k not in _OF_BOTH}
        kept.append(short)
    both = [row["pruned"] for row in kept if "pruned" in row]
    on_arm = [row for row in (*kept, *both) if "arm" in row]
    tried = (
        f"Of the {total} networks of the list {len(kept)} were run for this page, {len(both)} of them pruned "
    )
    tried += (
        f"to 80%, too: {sum(r['ok'] for r in both)} of these match.\nOf these runs {len(on_arm)} were on the "
    )
    tried += f"emulated cores, too: {sum(r['ok'] for r in on_arm)} match there."
    lines = ",\n".join(json.dumps(row) for row in kept)
    (ROOT / "benchmarks" / "coverage" / "coverage.json").write_text(f"[\n{lines}\n]\n")
    (ROOT / "docs" / "coverage.md").write_text(f"{_HEAD}{tried}\n\n{report(kept)}")


_OF_BOTH = ("name", "parameters")


def _short(row: Row) -> Row:
    """What is kept of a run's row."""
    short = {key: row[key] for key in ("name", "ok", "parameters") if key in row}
    short |= {key: float(f"{row[key]:.1e}") for key in ("error", "arm") if key in row}
    return short if row["ok"] else short | {"stage": row["stage"], "why": [" ".join(row["why"])[:160]]}
