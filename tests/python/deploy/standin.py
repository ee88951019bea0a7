"""secateur-run in Python: its words, its raw files, its JSON. `faults` beside the program changes what it
does."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from secateur.errors import SecateurError
from secateur.runtime import Session


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--input", action="append", default=[])
    parser.add_argument("--output", action="append", default=[])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--isa")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--no-limits", action="store_true")
    options = parser.parse_args()
    faults = (
        set((Path(sys.argv[0]).parent / "faults").read_text().split()) if Path("faults").exists() else set()
    )
    if "hang" in faults:
        Path("hanging").read_text()  # until it is killed
    if "killed" in faults:
        os.kill(os.getpid(), signal.SIGKILL)
    if "chatter" in faults:
        print("not JSON")
        return
    try:
        session = Session(options.model, threads=options.threads, isa=options.isa)
    except SecateurError as error:
        print(f"secateur-run: {error}", file=sys.stderr)
        sys.exit(1)
    arrays = [
        np.fromfile(path, port["dtype"]).reshape(port["shape"])
        for path, port in zip(options.input, session.inputs, strict=True)
    ]
    samples = []
    for _ in range(options.repeat):
        begin = time.perf_counter_ns()
        result = session.run(*arrays)
        samples.append(time.perf_counter_ns() - begin)
    results = result if isinstance(result, tuple) else (result,)
    for path, y in zip(options.output, results, strict=False):
        (y + np.float32(1) if "wrong" in faults else y).tofile(path)
    low, middle, high = sorted(samples)[0], sorted(samples)[len(samples) // 2], max(samples)
    report = {
        "schema": "secateur-run/1",
        "model": session.name,
        "isa": session.isa,
        "threads": session.threads,
        "stats_ns": {"count": len(samples), "min": low, "median": middle, "p90": high},
        "samples_ns": samples,
    }
    if options.profile:
        report["layers"] = session.profile(options.repeat)
    print(json.dumps(report))
