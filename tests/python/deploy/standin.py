"""secateur-run and secateur-tune in Python: their words, their files, what they print. `faults` beside the
program changes what it does."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from secateur import _core
from secateur.errors import SecateurError
from secateur.runtime import Session


def faults_now() -> set[str]:
    return set(Path("faults").read_text().split()) if Path("faults").exists() else set()


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
    faults = faults_now()
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


# A profile's rows with made-up times: layer i of a model takes 1000 * (i + 1) ns, planned twice as much.
def tune() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--isa")
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    faults = faults_now()
    with open("asked", "a") as asked:
        print(json.dumps([len(options.models), options.threads, options.isa, options.seconds]), file=asked)
    tuner = _core.Tuner(options.isa or "", options.threads)
    if options.output.exists():
        try:
            tuner.resume(options.output.read_text())
        except SecateurError as error:
            print(
                f"secateur-tune: '{options.output}' cannot be added to: {error}; name another",
                file=sys.stderr,
            )
            sys.exit(1)
    for model in options.models:
        tuner.add_model(Path(model).read_bytes(), True)
    for i in range(len(tuner)):
        tuner.measure(i, 1e-9)
        table = json.loads(tuner.profile())
        for k, row in enumerate(table["plans"][-i - 1 :]):
            for column, ns in (("ns", 1000 * (k + 1)), ("planned_ns", 2000 * (k + 1))):
                row[table["columns"].index(column)] = ns
        table["fma_gflops"] = 32.0
        options.output.write_text("damaged" if "damaged" in faults else json.dumps(table))
        print(
            f"[{i + 1}/{len(tuner)}] {tuner.layer_name(i)}: {i + 1}.0 us, "
            f"{2 * i + 2}.0 as the constants choose",
            flush=True,
        )
        if "hang" in faults:
            Path("hanging").read_text()  # until it is killed
        if "killed" in faults:
            os.kill(os.getpid(), signal.SIGKILL)
    print(f"wrote {options.output}")
