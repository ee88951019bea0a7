"""Google Benchmark's JSON in fewer lines: one for each row, without what repeats in all of them.

    python benchmarks/kernels/compact.py benchmarks/results/<machine>-<date>/kernels

Rewrites every JSON file of the folder. What `report.py` reads stays as it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# What is said of each row beside its time and counters: the same in all, or in its name.
BOOKKEEPING = {
    "family_index",
    "per_family_instance_index",
    "run_name",
    "run_type",
    "repetitions",
    "repetition_index",
    "threads",
    "cpu_time",
}


def compact(path: Path) -> None:
    """Rewrites one file; a file that is not Google Benchmark's is left alone."""
    document = json.loads(path.read_text())
    if "benchmarks" not in document:
        return
    rows = [
        json.dumps({key: value for key, value in row.items() if key not in BOOKKEEPING})
        for row in document["benchmarks"]
    ]
    context = json.dumps(document["context"])
    path.write_text(f'{{"context": {context},\n"benchmarks": [\n' + ",\n".join(rows) + "\n]}\n")


if __name__ == "__main__":
    for each in Path(sys.argv[1]).glob("*.json"):
        compact(each)
