#!/usr/bin/env python3
"""Executed AArch64 instructions of whole networks: this runtime beside LiteRT, one inference, one thread.

    compare.py SANDBOX MODELS RESULTS.json [--program build/aarch64/csrc/tools/secateur-run] [--networks ...]

MODELS holds what prepare.py and convert.py made. Each engine's output is compared with PyTorch's before
its counts are taken. RESULTS.json is read first: what is in it, for the same model and program, is not
counted again. Prints a table in Markdown. Without --program only the rivals are counted.

Data misses are modelled on the Cortex-A72 only (32 KB 2-way L1D, 1 MB 16-way L2).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from emulator import CPUS, EmulationError, Sandbox
from engines import LITERT, LITERT_SPARSE, Engine, secateur
from report import summarize

NETWORKS = {
    "mobilenet_v1": "MobileNetV1",
    "mobilenet_v2": "MobileNetV2",
    "resnet50": "ResNet-50",
    "encoder": "encoder 6x384",
}
MEMORY_CPU = "cortex-a72"
DENSE, PRUNED = 0, 90
# XNNPACK takes its sparse path here only: given the rewritten files of the other networks, it executes
# exactly the instructions that it executes dense.
SPARSE_PATH = ("mobilenet_v1",)

Key = tuple[str, str, int, str]  # engine, network, sparsity, CPU
Records = dict[Key, dict[str, Any]]


def wanted(engine: Engine | None, networks: list[str]) -> list[tuple[Engine, str, int]]:
    """What to count, rivals first."""
    rows: list[tuple[Engine, str, int]] = []
    for network in networks:
        rows.append((LITERT, network, DENSE))
        if network in SPARSE_PATH:
            rows.append((LITERT_SPARSE, network, PRUNED))
        if engine is not None:
            rows += [(engine, network, DENSE), (engine, network, PRUNED)]
    return rows


def load(path: Path) -> Records:
    if not path.exists():
        return {}
    return {(r["engine"], r["network"], r["sparsity"], r["cpu"]): r for r in json.loads(path.read_text())}


def save(path: Path, records: Records) -> None:
    partial = path.with_suffix(".partial")
    lines = (json.dumps(record, separators=(",", ":")) for record in records.values())
    partial.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    partial.replace(path)


def table(records: Records) -> str:
    """Per network and CPU: instructions and bound, and their ratio to LiteRT dense."""
    columns = ["network", "core", "engine", "instructions, M", "ratio", "bound, M cycles", "ratio"]
    columns += ["L1D misses, M", "ratio"]
    lines = ["| " + " | ".join(columns) + " |", "| --- | --- | --- |" + " ---: |" * 6]
    for network, label in NETWORKS.items():
        for cpu in CPUS:
            base = figures(records.get((LITERT.name, network, DENSE, cpu)))
            for (engine, of, sparsity, on), record in sorted(records.items()):
                if (of, on) != (network, cpu):
                    continue
                name = f"{engine}, dense" if sparsity == DENSE else f"{engine}, {sparsity}%"
                cells = [cell(*pair) for pair in zip(figures(record), base, strict=True)]
                lines.append(f"| {label} | {cpu} | {name} | {' '.join(cells)}")
    return "\n".join(lines)


def figures(record: dict[str, Any] | None) -> list[float | None]:
    """Instructions, bound and L1D misses of a record; None for what it does not have."""
    if record is None:
        return [None, None, None]
    memory = record["memory"]
    bound = record["bounds"][record["cpu"]]["cycles"]
    return [record["instructions"], bound, memory["l1d_misses"] if memory else None]


def cell(value: float | None, base: float | None) -> str:
    """A figure in millions and its ratio to LiteRT dense, as two cells of the table."""
    if value is None:
        return "| |"
    return f"{value / 1e6:,.2f} | {f'{value / base:.3f}' if base else ''} |"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sandbox", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--program", type=Path, help="this project's secateur-run for AArch64")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--cpus", nargs="+", choices=CPUS, default=list(CPUS))
    options = parser.parse_args()
    records = load(options.results)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="armcompare-") as folder:
        scratch = Path(folder)
        try:
            sandbox = Sandbox(options.sandbox)
            ours = secateur(options.program) if options.program else None
        except (EmulationError, OSError) as error:
            print(f"compare.py: {error}", file=sys.stderr)
            return 1
        for engine, network, sparsity in wanted(ours, options.networks):
            model = engine.model(options.models, network, sparsity)
            if not model.exists():
                print(f"compare.py: {model} is missing, left out", file=sys.stderr)
                failed += 1
                continue
            fingerprint = engine.fingerprint(model)
            for cpu in options.cpus:
                key = (engine.name, network, sparsity, cpu)
                if records.get(key, {}).get("fingerprint") == fingerprint:
                    continue
                print(f"counting {engine.name} on {model.name} as {cpu}", file=sys.stderr)
                try:
                    counts = engine.count(sandbox, cpu, model, scratch, memory=cpu == MEMORY_CPU)
                except EmulationError as error:
                    print(f"compare.py: {error}", file=sys.stderr)
                    failed += 1
                    continue
                about = dict(zip(("engine", "network", "sparsity", "cpu"), key, strict=True))
                records[key] = about | {"fingerprint": fingerprint} | summarize(counts).to_json()
                save(options.results, records)
    print(table(records))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
