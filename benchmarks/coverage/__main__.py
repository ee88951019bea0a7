"""Which networks compile and match PyTorch: `make coverage`, or `python benchmarks/coverage --only 'timm/*'`.

Each network is made with random weights, compiled and compared in a process of its own. The report has a line
for each: parameters, seconds to compile, the largest difference from PyTorch over the largest output, or why
not. Packages that are not installed give no networks.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import io
import json
import os
import pathlib
import subprocess
import sys
import time
from collections import Counter
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from packages import package_networks
from plain import plain_networks


def networks() -> dict[str, Any]:
    return plain_networks() | package_networks()


def reasons(error: Exception) -> list[str]:
    """What stands in the way, each in a few words; of an error that lists operators, all of them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[:12] or [type(error).__name__]


def examine(name: str, sparsity: float) -> dict[str, Any]:
    """One network, here."""
    import numpy as np
    import torch

    import secateur as sct
    from secateur.prune import prune_oneshot

    torch.manual_seed(0)
    torch.set_num_threads(1)
    row: dict[str, Any] = {"name": name, "ok": False}
    try:
        model, inputs = networks()[name]()
    except Exception as error:
        return row | {"stage": "make", "why": reasons(error)}
    model.eval()
    row["parameters"] = sum(p.numel() for p in model.parameters())
    try:
        if sparsity:
            prune_oneshot(model, sparsity=sparsity)
    except Exception as error:
        return row | {"stage": "prune", "why": reasons(error)}
    begin = time.perf_counter()
    try:
        program = sct.compile(model, inputs)
    except Exception as error:
        return row | {"stage": "compile", "why": reasons(error), "seconds": time.perf_counter() - begin}
    row["seconds"] = time.perf_counter() - begin
    row["operators"] = dict(Counter(layer.op for layer in program.layers))
    fresh = [torch.randn_like(x) if x.is_floating_point() else x.flip(-1) for x in inputs]
    with torch.no_grad():
        want = model(*fresh)
    wanted = [t for t in _leaves(want) if isinstance(t, torch.Tensor)]
    with sct.Session(program) as session:
        got = session.run(*[x.numpy() for x in fresh])
    answers = list(got) if isinstance(got, tuple) else [got]
    worst = 0.0
    for mine, theirs in zip(answers, wanted, strict=False):
        t = theirs.numpy().astype(np.float64)
        worst = max(worst, float(np.abs(mine - t).max() / max(np.abs(t).max(), 1e-30)))
    row["error"] = worst
    # compile() has verified it within derived bounds; this is the plain figure beside.
    row["ok"] = len(answers) == len(wanted) and worst < 1e-2
    if not row["ok"]:
        row |= {"stage": "compare", "why": [f"error {worst:.1e}, {len(answers)} of {len(wanted)} outputs"]}
    return row


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def in_a_process(name: str, sparsity: float, limit: float) -> dict[str, Any]:
    command = [sys.executable, str(pathlib.Path(__file__).parent), "--one", name, "--sparsity", str(sparsity)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    begin = time.perf_counter()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return {"name": name, "ok": False, "stage": "compile", "why": [f"not done after {limit:.0f} s"]}
    last = done.stdout.strip().splitlines()[-1:] or [""]
    try:
        row: dict[str, Any] = json.loads(last[0])
    except json.JSONDecodeError:
        row = {"name": name, "ok": False, "stage": "crash", "why": done.stderr.strip().splitlines()[-3:]}
    return row | {"process_seconds": time.perf_counter() - begin}


def report(rows: list[dict[str, Any]]) -> str:
    """Markdown: what compiles by package, each network, and what stands in the way of how many."""
    lines = ["| package | compile and match | of |", "| --- | --- | --- |"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["name"].split("/")[0], []).append(row)
    for group, members in sorted(groups.items()):
        lines.append(f"| {group} | {sum(r['ok'] for r in members)} | {len(members)} |")
    lines.append(f"| all | {sum(r['ok'] for r in rows)} | {len(rows)} |")
    lines += ["", "| network | parameters | seconds | error | why not |", "| --- | --- | --- | --- | --- |"]
    for row in sorted(rows, key=lambda r: r["name"]):
        why = "" if row["ok"] else f"{row['stage']}: {' '.join(row['why'])[:160]}".replace("|", "\\|")
        lines.append(
            f"| {row['name']} | {row.get('parameters', 0):,} | {row.get('seconds', 0):.1f} "
            f"| {row['error']:.0e} | {why} |"
            if "error" in row
            else f"| {row['name']} | {row.get('parameters', 0):,} | {row.get('seconds', 0):.1f} | | {why} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="coverage", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="networks by a pattern such as 'timm/*'; may repeat")
    parser.add_argument(
        "--sparsity", type=float, default=0.0, help="of the weights, pruned before compiling (0)"
    )
    parser.add_argument("--limit", type=float, default=240.0, help="seconds a network may take (240)")
    parser.add_argument("-o", "--out", type=pathlib.Path, default=pathlib.Path("build/coverage"))
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with contextlib.redirect_stdout(io.StringIO()):
            row = examine(options.one, options.sparsity)
        print(json.dumps(row))
        return
    names = [n for n in networks() if any(fnmatch.fnmatch(n, g) for g in options.only or ["*"])]
    if options.list or not names:
        print("\n".join(names) or "no network has such a name; --list prints all")
        sys.exit(0 if names else 1)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with (options.out / "coverage.jsonl").open("w") as log:
        for i, name in enumerate(names, 1):
            row = in_a_process(name, options.sparsity, options.limit)
            rows.append(row)
            log.write(json.dumps(row) + "\n")
            log.flush()
            said = "ok" if row["ok"] else f"{row['stage']}: {' '.join(row['why'])[:90]}"
            print(f"{i}/{len(names)} {name}: {said}", flush=True)
    (options.out / "coverage.md").write_text(report(rows))
    print(f"{sum(r['ok'] for r in rows)} of {len(rows)} compile and match; {options.out / 'coverage.md'}")


if __name__ == "__main__":
    main()
