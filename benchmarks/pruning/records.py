"""The file of records: one for each (task, configuration, seed), a line each; runs add to it for days."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SCHEMA = "secateur-pruning/1"
FILE = Path(__file__).resolve().parents[1] / "results" / "pruning.json"

Record = dict[str, Any]


def key(record: Record) -> tuple[str, str, int]:
    return record["task"], record["configuration"], record["seed"]


def read(path: Path = FILE) -> list[Record]:
    """All records, or none where there is no file. Raises ValueError for a file of something else."""
    if not path.exists():
        return []
    document = json.loads(path.read_text())
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"{path} is not of the schema {SCHEMA}")
    records: list[Record] = document["records"]
    return records


def add(record: Record, path: Path = FILE) -> None:
    """Puts a record in, in place of that of the same key; several programs may do so at once."""
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        others = [old for old in read(path) if key(old) != key(record)]
        fresh = path.with_suffix(".new")
        fresh.write_text(dump([*others, record]))
        fresh.replace(path)


def dump(records: Iterable[Record]) -> str:
    lines = ",\n".join(json.dumps(r, separators=(",", ":")) for r in sorted(records, key=key))
    return f'{{"schema":"{SCHEMA}","records":[\n{lines}\n]}}\n'
