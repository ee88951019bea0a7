"""Throughputs of Arm cores, and the lower bound on cycles that follows from executed instructions.

The bound takes each instruction at its reciprocal throughput, each unit of the core as perfectly
fed, and nothing else: no dependency stalls, no cache misses, every branch predicted. Real time is
above it, by how much these numbers do not say.

Source: measurements on real cores, github.com/ocxtal/insn_bench_aarch64,
results/raspberry-pi-3_cortex-a53.md, nxp_lx2160a_a72.md and aws_graviton2.md (Neoverse N1, which has
the pipeline of the Cortex-A76). Issue widths: Arm's software optimisation guides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from instructions import Instruction, Kind


class Unit(Enum):
    """What an instruction occupies; the value is its name in reports."""

    VECTOR = "vector"
    LOAD = "load"
    STORE = "store"
    BRANCH = "branch"
    INTEGER = "integer"


@dataclass(frozen=True)
class Core:
    """Cycles per instruction (reciprocal throughput); q: 128-bit registers, d: up to 64-bit vector or
    float registers, x: general registers. None: the core lacks the instruction.

    `serial_wide_loads`: a 128-bit load never issues together with vector arithmetic (Cortex-A53).
    """

    name: str
    issue_width: int
    fma_q: float
    fma_d: float
    dot_q: float | None
    int_multiply: float
    vector_other: float
    load_q: float
    load_pair_q: float
    load_d: float
    load_x: float
    load_pair_x: float
    store_q: float
    store_pair_q: float
    store_other: float
    prefetch: float
    serial_wide_loads: bool = False
    scalar_fma: float = 0.5
    branch: float = 1
    integer: float = 0.5


# fmt: off
CORES = {
    core.name: core
    for core in (
        Core("cortex-a53", issue_width=2, fma_q=1, fma_d=0.5, dot_q=None, int_multiply=1, vector_other=1,
             load_q=2, load_pair_q=4, load_d=1, load_x=1, load_pair_x=2,
             store_q=1, store_pair_q=2, store_other=1, prefetch=1, serial_wide_loads=True),
        Core("cortex-a72", issue_width=3, fma_q=1, fma_d=0.5, dot_q=None, int_multiply=1, vector_other=0.67,
             load_q=1, load_pair_q=2, load_d=1, load_x=1, load_pair_x=1,
             store_q=2, store_pair_q=4, store_other=1, prefetch=1),
        Core("cortex-a76", issue_width=4, fma_q=0.5, fma_d=0.5, dot_q=0.5, int_multiply=1, vector_other=0.5,
             load_q=0.5, load_pair_q=1, load_d=0.5, load_x=0.5, load_pair_x=1,
             store_q=1, store_pair_q=2, store_other=0.5, prefetch=0.5),
    )
}
# fmt: on


def cost(core: Core, instruction: Instruction) -> tuple[Unit, float | None]:
    """The unit that an instruction occupies, and for how many cycles (None: the core lacks it)."""
    kind, wide = instruction.kind, instruction.wide
    arithmetic: dict[Kind, float | None] = {
        Kind.VECTOR_FMA: core.fma_q if wide else core.fma_d,
        Kind.VECTOR_FLOAT: core.fma_q if wide else core.fma_d,
        Kind.SCALAR_FMA: core.scalar_fma,
        Kind.DOT_PRODUCT: core.dot_q,
        Kind.MATRIX_MULTIPLY: None,  # i8mm and bf16: none of these cores
        Kind.VECTOR_INT_MULTIPLY: core.int_multiply,
        Kind.VECTOR_OTHER: core.vector_other,
        Kind.SCALAR_FLOAT: core.vector_other,
    }
    if kind in arithmetic:
        return Unit.VECTOR, arithmetic[kind]
    if kind is Kind.VECTOR_LOAD:
        return Unit.LOAD, _vector_load(core, instruction)
    if kind is Kind.SCALAR_LOAD:
        return Unit.LOAD, core.load_pair_x if instruction.pair else core.load_x
    if kind is Kind.PREFETCH:
        return Unit.LOAD, core.prefetch
    if kind is Kind.VECTOR_STORE and wide:
        return Unit.STORE, core.store_pair_q if instruction.pair else core.store_q
    if kind is Kind.VECTOR_STORE:
        return Unit.STORE, core.store_other
    if kind is Kind.SCALAR_STORE:
        return Unit.STORE, core.store_other * (2 if instruction.pair else 1)
    if kind is Kind.BRANCH:
        return Unit.BRANCH, core.branch
    return Unit.INTEGER, core.integer


def _vector_load(core: Core, instruction: Instruction) -> float:
    if instruction.pair:
        return core.load_pair_q if instruction.wide else core.load_pair_x
    replicates = re.match(r"ld[1-4]r$", instruction.mnemonic) is not None
    per_register = core.load_q if instruction.wide and not replicates else core.load_d
    return per_register * instruction.structure_registers


@dataclass(frozen=True)
class Bound:
    """A lower bound on cycles, and what each part of the core would need alone."""

    core: str
    cycles: float
    issue: float
    units: dict[str, float]
    lacking: int  # executed instructions that the core does not have; not in the bound

    @property
    def limit(self) -> str:
        """What sets the bound: "issue", a unit's name, or "vector and wide loads"."""
        alone = {"issue": self.issue, **self.units}
        name = max(alone, key=lambda key: alone[key])
        return name if alone[name] >= self.cycles else "vector and wide loads"


def lower_bound(core: Core, executed: Iterable[tuple[int, Instruction]]) -> Bound:
    """The bound of a run, from (count, instruction) pairs."""
    units = dict.fromkeys((unit.value for unit in Unit), 0.0)
    total = lacking = 0
    wide_loads = 0.0
    for count, instruction in executed:
        total += count
        unit, cycles = cost(core, instruction)
        if cycles is None:
            lacking += count
            continue
        units[unit.value] += count * cycles
        if unit is Unit.LOAD and instruction.wide:
            wide_loads += count * cycles
    issue = total / core.issue_width
    cycles = max(issue, *units.values())
    if core.serial_wide_loads:
        cycles = max(cycles, units[Unit.VECTOR.value] + wide_loads)
    return Bound(core.name, cycles, issue, units, lacking)
