"""Results in the repository: one compact JSON file per machine; tables and plots are drawn from it.

    python benchmarks/results.py gather benchmarks/runs/<machine>-<date> -o benchmarks/results/<machine>.json
    python benchmarks/results.py render benchmarks/results/*.json -o build/results

A run (`benchmarks/run.sh`, `benchmarks/kernels/run.sh`) writes its raw files into `benchmarks/runs/`, which
is not tracked. `gather` takes from them what tables, plots and documents need: every `results.json` whole,
and of each row of the kernel benchmarks the fastest pass, to six digits. `render` writes `kernels.md` and
every plot as SVG.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

SCHEMA = "secateur-results/1"
PRUNING = "secateur-pruning/1"  # records of benchmarks/pruning
DIGITS = 6


class ResultsError(Exception):
    """A sentence about a folder or file that has no results."""


def load_kernel_report() -> Any:
    """benchmarks/kernels/report.py as a module of its own name: benchmarks/arm has a `report` too."""
    spec = importlib.util.spec_from_file_location("kernel_report", HERE / "kernels" / "report.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look it up
    spec.loader.exec_module(module)
    return module


kernels = load_kernel_report()


def rounded(value: float) -> float:
    """To DIGITS significant digits.

    >>> rounded(118.25390715), rounded(0.000123456789)
    (118.254, 0.000123457)
    """
    return float(f"{value:.{DIGITS}g}")


def pack_rows(rows: Sequence[Any]) -> list[list[Any]]:
    """Rows of the kernel benchmarks as [name, microseconds, counters, kernel]; of the core, the best row."""
    best: dict[tuple[str, ...], Any] = {}
    for row in rows:
        known = best.get(row.parts)
        # The core is measured by every program: what it can do is the most that any saw.
        if known is None or (row.family == "core" and rate(row) > rate(known)):
            best[row.parts] = row
    return [
        ["/".join(r.parts), rounded(r.time_us), {k: rounded(v) for k, v in r.counters.items()}, r.kernel]
        for r in best.values()
    ]


def rate(row: Any) -> float:
    return float(max(row.counters.get("gflops", 0.0), row.counters.get("GB/s", 0.0)))


def unpack_rows(packed: Sequence[Sequence[Any]]) -> list[Any]:
    return [
        kernels.Row(tuple(name.split("/")), us, counters, kernel) for name, us, counters, kernel in packed
    ]


def gather(folder: Path) -> dict[str, Any]:
    """What a folder of raw results holds, as the document of one machine. Raises ResultsError."""
    runs = {}
    for path in sorted(folder.rglob("results.json")):
        runs["/".join(path.relative_to(folder).parts[:-1])] = json.loads(path.read_text())
    rows, context = kernels.load(folder / "kernels")
    if not runs and not rows:
        raise ResultsError(f"no results.json and no kernels/*.json in {folder}")
    document: dict[str, Any] = {"schema": SCHEMA, "runs": runs}
    if rows:
        document["kernels"] = {"context": context, "rows": pack_rows(rows)}
    return document


def dump(document: dict[str, Any]) -> str:
    """JSON of a document with a line per workload and per kernel row, so that a change is seen in a diff."""

    def one(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def lines(values: Sequence[Any]) -> str:
        return "[\n" + ",\n".join(map(one, values)) + "\n]"

    runs = []
    for name, run in document["runs"].items():
        facts = one({key: value for key, value in run.items() if key != "results"})
        runs.append(f'{one(name)}:{facts[:-1]},"results":{lines(run["results"])}}}')
    parts = [f'"schema":{one(document["schema"])}', '"runs":{' + ",\n".join(runs) + "}"]
    if "kernels" in document:
        table = document["kernels"]
        parts.append(f'"kernels":{{"context":{one(table["context"])},"rows":{lines(table["rows"])}}}')
    return "{" + ",\n".join(parts) + "}\n"


def read(path: Path) -> Any:
    """The JSON of a file. Raises ResultsError."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from error


def render(path: Path, out: Path) -> list[Path]:
    """Draws one file's tables and plots into `out`; the paths written. Raises ResultsError."""
    document = read(path)
    if isinstance(document, list):  # counts of instructions: benchmarks/arm/compare.py keeps them
        sys.path.insert(0, str(HERE / "arm"))
        import compare

        return [write(out / f"{path.stem}.md", compare.table(compare.load(path)) + "\n")]
    if isinstance(document, dict) and document.get("schema") == PRUNING:  # its page is in docs/lab
        return []
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ResultsError(f"{path} is not of the schema {SCHEMA}; `results.py gather` makes such files")
    from secateur.bench.plots import save_all
    from secateur.bench.report import Result

    written = []
    for name, run in document["runs"].items():
        written += save_all([Result.from_dict(entry) for entry in run["results"]], out / path.stem / name)
    if "kernels" in document:
        rows = unpack_rows(document["kernels"]["rows"])
        written += kernels.write(rows, document["kernels"]["context"], out / path.stem / "kernels")
    return written


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    gathering = verbs.add_parser("gather", help="a folder of raw results into one file")
    gathering.add_argument("folder", type=Path)
    gathering.add_argument("-o", "--out", type=Path, required=True)
    rendering = verbs.add_parser("render", help="files into tables and plots")
    rendering.add_argument("files", type=Path, nargs="+")
    rendering.add_argument("-o", "--out", type=Path, default=Path("build/results"))
    options = parser.parse_args(arguments)
    try:
        if options.verb == "gather":
            print(write(options.out, dump(gather(options.folder))))
        else:
            for path in options.files:
                for each in render(path, options.out):
                    print(each)
    except ResultsError as error:
        print(f"results.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
