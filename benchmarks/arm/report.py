"""From raw counts to figures: by kind, by symbol, and the lower bounds on cycles; as dicts and as text."""

from __future__ import annotations

import bisect
import subprocess
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cores import CORES, Bound, lower_bound
from emulator import Counts
from instructions import disassemble


@dataclass(frozen=True)
class Summary:
    """One run's figures. Counts are per window."""

    cpu: str
    instructions: float
    multiply_adds: float
    kinds: dict[str, float]
    symbols: dict[str, float]
    bounds: dict[str, Bound]
    memory: dict[str, float] | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def summarize(counts: Counts, *, symbols: int = 12) -> Summary:
    """Sorts a run's counts.

    Args:
        counts: of one run.
        symbols: how many functions to name, those with the most instructions.
    """
    known = disassemble(entry.opcode for entry in counts.executed)
    kinds: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    opcodes: Counter[str] = Counter()
    for entry in counts.executed:
        opcodes[entry.opcode] += entry.count
        functions[_function(entry.module, entry.offset)] += entry.count
    for opcode, count in opcodes.items():
        kinds[known[opcode].kind.value] += count
    per_window = 1 / counts.windows
    pairs = [(count, known[opcode]) for opcode, count in opcodes.items()]
    bounds = {}
    for core in CORES.values():
        bound = lower_bound(core, pairs)
        units = {unit: cycles * per_window for unit, cycles in bound.units.items()}
        bounds[core.name] = Bound(
            core.name, bound.cycles * per_window, bound.issue * per_window, units, bound.lacking
        )
    memory = None
    if counts.memory is not None:
        memory = {name: value * per_window for name, value in asdict(counts.memory).items()}
    return Summary(
        cpu=counts.cpu,
        instructions=counts.instructions * per_window,
        multiply_adds=sum(count * instruction.multiply_adds for count, instruction in pairs) * per_window,
        kinds={kind: count * per_window for kind, count in kinds.most_common()},
        symbols={name: count * per_window for name, count in functions.most_common(symbols)},
        bounds=bounds,
        memory=memory,
    )


def render(summary: Summary) -> str:
    """A summary as text for a terminal."""
    total = summary.instructions
    lines = [f"{total:,.0f} instructions executed as {summary.cpu}"]
    lines += [f"  {kind:<32}{count:>16,.0f}{count / total:>8.1%}" for kind, count in summary.kinds.items()]
    lines.append(
        f"multiply-adds: {summary.multiply_adds:,.0f} ({summary.multiply_adds / total:.2f} per instruction)"
    )
    lines.append("lower bound on cycles (no stalls, no misses):")
    for bound in summary.bounds.values():
        parts = ", ".join(f"{unit} {cycles:,.0f}" for unit, cycles in bound.units.items())
        lacking = f"; {bound.lacking:,} instructions it lacks" if bound.lacking else ""
        lines.append(f"  {bound.core:<12}{bound.cycles:>14,.0f}  by {bound.limit}{lacking}")
        lines.append(f"  {'':<12}  (issue {bound.issue:,.0f}, {parts})")
    if summary.memory is not None:
        parts = ", ".join(f"{name} {value:,.0f}" for name, value in summary.memory.items())
        lines.append(f"modelled memory: {parts}")
    lines.append("functions:")
    lines += [f"  {count / total:>6.1%}  {name}" for name, count in summary.symbols.items()]
    return "\n".join(lines)


@cache
def _symbols(module: str) -> tuple[list[tuple[int, str]], list[tuple[int, int, int]]]:
    """Functions (address, name) in ascending order, and loaded segments (offset, address, bytes)."""

    def tool(*command: str) -> list[list[str]]:
        try:
            done = subprocess.run([*command, module], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return []
        return [line.split() for line in done.stdout.splitlines()]

    if not Path(module).is_file():
        return [], []
    nm = ("aarch64-linux-gnu-nm", "-n", "-C", "--defined-only")
    functions = []
    for fields in tool(*nm) or tool(*nm, "-D"):
        if len(fields) > 2 and fields[1] in "tTwWiI" and not fields[2].startswith("$"):
            functions.append((int(fields[0], 16), " ".join(fields[2:])))
    segments = [
        (int(fields[1], 16), int(fields[2], 16), int(fields[4], 16))
        for fields in tool("aarch64-linux-gnu-readelf", "-lW")
        if fields and fields[0] == "LOAD"
    ]
    return functions, segments


def _function(module: str, offset: int) -> str:
    """The function that an offset of a file lies in, where the file has symbols; else the file."""
    functions, segments = _symbols(module)
    address = offset
    for start, virtual, size in segments:
        if start <= offset < start + size:
            address = offset - start + virtual
    index = bisect.bisect_right(functions, (address, "\U0010ffff")) - 1
    name = Path(module).name
    return f"{name}: {functions[index][1]}" if index >= 0 else name
