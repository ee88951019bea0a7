"""Times of the prepared networks (prepare.py): this runtime dense and at 80%, onnxruntime dense, in turns.

    python benchmarks/coverage/times.py --engine-python onnxruntime=PYTHON

Each answers first and is compared with PyTorch; one that is wrong is not timed. Pin it to a quiet core. Rows
go to build/coverage/times.jsonl as networks are done; a second call goes on with those that have none.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import pathlib
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from secateur.bench.engines import OnnxRuntime
from secateur.bench.engines.secateur_engine import CompiledFile
from secateur.bench.harness import measure
from secateur.bench.workload import Array, Workload

FACTS = "facts.json"
BEHIND = 1.1  # slower than onnxruntime by more than that: its layers are written down
LAYERS = 5  # of the slowest that are written down


class Ours(CompiledFile):
    """A prepared file of this runtime, and what PyTorch makes of that network."""

    def __init__(self, kind: str, folder: pathlib.Path) -> None:
        super().__init__(f"secateur-{kind}", kind, folder / f"{kind}.sct", None)  # type: ignore[arg-type]
        self._answers = arrays(folder / f"{kind}.npz")

    def expected(self, workload: Workload) -> list[Array]:
        return self._answers


class Theirs(OnnxRuntime):
    """The prepared file of onnxruntime."""

    def model_file(self, workload: Workload) -> pathlib.Path:
        return pathlib.Path(workload.name) / "dense.onnx"


def arrays(path: pathlib.Path) -> list[Any]:
    with np.load(path) as file:
        return [file[f"arr_{i}"] for i in range(len(file.files))]


def timed(folder: pathlib.Path, pythons: dict[str, str], samples: int) -> dict[str, Any]:
    """One network's row: medians in milliseconds, what failed, and the slowest layers where it is behind."""
    row: dict[str, Any] = json.loads((folder / FACTS).read_text())
    inputs = tuple(arrays(folder / "inputs.npz"))
    dense = arrays(folder / "dense.npz")
    workload = Workload(str(folder), None, inputs, _reference=dense)  # type: ignore[arg-type]
    engines = [Ours("dense", folder), Ours("pruned", folder)]
    if (folder / "dense.onnx").exists():
        engines.append(Theirs(pythons))  # type: ignore[arg-type]
    row["why"] = {}
    for outcome in measure(engines, workload, samples=samples, warmup=2):
        if outcome.summary is None:
            row["why"][outcome.engine] = f"{outcome.status}: {outcome.message}"[:160]
        else:
            row[outcome.engine] = outcome.summary.median / 1e6
    if "onnxruntime" in row and row.get("secateur-dense", 0.0) > BEHIND * row["onnxruntime"]:
        row["layers"] = slowest(folder / "dense.sct", inputs)
    return row


def slowest(path: pathlib.Path, inputs: tuple[Any, ...]) -> list[str]:
    """The layers that take most of the time, and how much of it."""
    import secateur as sct

    with sct.Session(str(path)) as session:
        session.run(*inputs)
        steps = sorted(session.profile(), key=lambda step: -step["median_ns"])
    total = sum(step["median_ns"] for step in steps)
    return [f"{s['median_ns'] / total:.0%} {s['op']} {s['name']} {s['kernel']}" for s in steps[:LAYERS]]


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Markdown, worst first beside onnxruntime."""
    lines = ["| network | onnxruntime ms | dense ms | × | 80% ms | × |", "| --- " * 6 + "|"]

    def ratio(row: dict[str, Any], engine: str) -> float:
        both = "onnxruntime" in row and engine in row
        return row["onnxruntime"] / row[engine] if both else float("inf")

    for row in sorted(rows, key=lambda r: ratio(r, "secateur-dense")):
        cells = [f"{row['onnxruntime']:.2f}" if "onnxruntime" in row else ""]
        for engine in ("secateur-dense", "secateur-pruned"):
            value = ratio(row, engine)
            cells += [
                f"{row[engine]:.2f}" if engine in row else "",
                f"{value:.2f}" if np.isfinite(value) else "",
            ]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="times", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=pathlib.Path, default=pathlib.Path("build/coverage"))
    parser.add_argument("--only", default="*", help="networks by a pattern such as 'timm/*'")
    parser.add_argument("--samples", type=int, default=11, help="of each engine, in turns (11)")
    parser.add_argument("--seconds", type=float, default=1e9, help="begins no further network after these")
    parser.add_argument("--engine-python", action="append", default=[], metavar="NAME=PYTHON")
    options = parser.parse_args()
    pythons = dict(entry.split("=", 1) for entry in options.engine_python)
    log, begin = options.out / "times.jsonl", time.monotonic()
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {row["name"] for row in rows}
    for facts in sorted((options.out / "times").glob(f"*/{FACTS}")):
        name = json.loads(facts.read_text())["name"]
        if name in done or not fnmatch.fnmatch(name, options.only):
            continue
        if time.monotonic() - begin > options.seconds:
            break
        rows.append(timed(facts.parent, pythons, options.samples))
        with log.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(json.dumps(rows[-1]), flush=True)
    (options.out / "times.md").write_text(table(rows))


if __name__ == "__main__":
    main()
