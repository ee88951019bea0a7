"""What tests/fuzz/totals.py makes of the fuzzer's logs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOTALS = Path(__file__).parents[2] / "fuzz" / "totals.py"
WHOLE = (
    "#2\tINITED cov: 900 ft: 901 corp: 1/1b exec/s: 0 rss: 30Mb\n"
    "#4096\tpulse  cov: 1200 ft: 3000 corp: 80/12Kb lim: 32768 exec/s: 2048 rss: 50Mb\n"
    "#5000\tDONE   cov: 1300 ft: 3100 corp: 90/12Kb lim: 32768 exec/s: 1666 rss: 50Mb\n"
    "Done 5000 runs in 3 second(s)\n"
    "model_fuzzer: 5000 executions, 3100 run, 40 on threads, 7 isas\n"
)
FOUND = (
    "#64\tNEW    cov: 1000 ft: 3000 corp: 80/12Kb exec/s: 32 rss: 50Mb\n"
    "==7==ERROR: AddressSanitizer\n"
    "artifact_prefix='f-'; Test unit written to f-crash-1\n"
)


def totals(path: Path, *arguments: Path | str) -> str:
    command = [sys.executable, str(TOTALS), str(path), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_counts_add_up_and_edges_are_the_most(tmp_path: Path) -> None:
    path, whole, found = tmp_path / "totals.json", tmp_path / "1.log", tmp_path / "2.log"
    whole.write_text(WHOLE)
    found.write_text(FOUND)
    said = totals(path, whole, found)
    assert "fuzz: 5,064 executions (3,100 opened and run" in said
    expected = {"runs": 2, "executions": 5064, "run": 3100, "threads": 40, "isas": 7, "seconds": 3}
    assert json.loads(path.read_text()) == {**expected, "findings": 1, "edges": 1300}
    totals(path, whole)
    assert json.loads(path.read_text())["executions"] == 10_064

    other = tmp_path / "other.json"
    totals(other, "--merge", path)
    assert json.loads(other.read_text()) == json.loads(path.read_text())
