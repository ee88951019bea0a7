#!/usr/bin/env python3
"""Adds what logs of the fuzzer count to the totals of earlier runs, and prints both.

totals.py TOTALS.json [--merge OTHER.json] LOG...
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

COUNTS = ("runs", "executions", "run", "threads", "isas", "seconds", "findings")
OWN = re.compile(r"^model_fuzzer: (\d+) executions, (\d+) run, (\d+) on threads, (\d+) isas", re.M)
STEP = re.compile(r"^#(\d+)\t.*?cov: (\d+) ", re.M)
DONE = re.compile(r"^Done \d+ runs in (\d+) second", re.M)
FINDING = re.compile(r"^Test unit written to|Test unit written to ", re.M)


def counts(log: str) -> dict[str, int]:
    """One process. One that a finding ended counts to its last line of progress."""
    steps = STEP.findall(log)
    own, done = OWN.search(log), DONE.search(log)
    reached = int(steps[-1][0]) if steps else 0
    executions, run, threads, isas = map(int, own.groups()) if own else (reached, 0, 0, 0)
    return {
        "runs": 1,
        "executions": executions,
        "run": run,
        "threads": threads,
        "isas": isas,
        "seconds": int(done[1]) if done else 0,
        "findings": len(FINDING.findall(log)),
        "edges": max((int(edges) for _, edges in steps), default=0),
    }


def added(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    """Counts add up; edges are those of the run that reached most, since no sum says which are the same."""
    total = {name: a.get(name, 0) + b.get(name, 0) for name in COUNTS}
    return {**total, "edges": max(a.get("edges", 0), b.get("edges", 0))}


def sentence(c: dict[str, int]) -> str:
    rate = f", {c['executions'] / c['seconds']:.0f} a second of a process" if c["seconds"] else ""
    return (
        f"{c['executions']:,} executions ({c['run']:,} opened and run, {c['threads']:,} on two threads, "
        f"{c['isas']:,} on another instruction set){rate}, {c['edges']:,} edges, {c['findings']} findings"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="totals of the fuzzer")
    parser.add_argument("totals", type=Path)
    parser.add_argument("logs", type=Path, nargs="*")
    parser.add_argument(
        "--merge", type=Path, action="append", default=[], help="totals of another machine or corpus"
    )
    args = parser.parse_args()
    now: dict[str, int] = {}
    for log in args.logs:
        now = added(now, counts(log.read_text(errors="replace")))
    for other in args.merge:
        now = added(now, json.loads(other.read_text()))
    before = json.loads(args.totals.read_text()) if args.totals.exists() else {}
    total = added(before, now)
    written = args.totals.with_suffix(".part")
    written.write_text(json.dumps(total, indent=1) + "\n")
    written.replace(args.totals)
    print(f"fuzz: {sentence(now)}")
    print(f"fuzz: in all {sentence(total)}")


if __name__ == "__main__":
    main()
