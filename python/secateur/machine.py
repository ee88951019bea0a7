"""Machine profiles as `secateur tune` writes them: what was measured of one machine.

The runtime has a reader of its own (csrc/machine/profile.cc); this one is for the compiler, which takes the
profile of any machine, and for whoever looks at one.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secateur import _core
from secateur.errors import InvalidArgumentError

FORMATS = ("dense", "csr", "bsr", "nm")  # as csrc/pack/weights.h counts them
# A layer was measured if one of its shape was, of about so many nonzeros: within a quarter.
NEAR = 0.25

# The columns by which layers differ: a shape, but neither threads, dtype nor stored form.
SHAPE = _core.PROFILE_COLUMNS[: _core.PROFILE_COLUMNS.index("threads")]


@dataclass(frozen=True)
class Measured:
    """One layer as it was measured: `ns` of an execution, in its fastest plan."""

    shape: tuple[int, ...]  # by SHAPE
    threads: int
    format: str
    block_rows: int
    density: float  # of stored weights
    ns: int

    @property
    def positions(self) -> int:
        return self._value("out_height") * self._value("out_width")

    @property
    def macs(self) -> float:
        """Multiply-adds of the stored weights."""
        columns = (
            self._value("in") // self._value("groups") * self._value("kernel_h") * self._value("kernel_w")
        )
        return self._value("batch") * self._value("out") * columns * self.positions * self.density

    def _value(self, name: str) -> int:
        return self.shape[SHAPE.index(name)]


@dataclass(frozen=True)
class MachineProfile:
    """A profile file. `peak`: f32 multiply-adds a nanosecond of one core."""

    path: str
    cpu: str
    cpu_name: str
    family: str
    isa: str
    peak: float
    layers: tuple[Measured, ...] = field(repr=False)

    def find(
        self, shape: tuple[int, ...], format: str, block_rows: int, density: float, threads: int = 1
    ) -> float | None:
        """Nanoseconds of a layer of that shape stored so, from the nearest density that was measured, scaled
        to this one; None where none is near."""
        best: Measured | None = None
        for row in self.layers:
            if row.shape != shape or row.format != format or row.threads != threads:
                continue
            if row.block_rows != block_rows:
                continue
            if best is None or abs(row.density - density) < abs(best.density - density):
                best = row
        if best is None or abs(best.density - density) > NEAR * max(density, best.density):
            return None
        return best.ns if format == "dense" else best.ns * density / best.density

    def share(self, format: str, block_rows: int = 1) -> float | None:
        """The share of the multiply-add peak that layers of many positions reach stored so: a geometric
        mean, or None."""
        return geometric_mean(
            row.macs / (row.ns * self.peak)
            for row in self.layers
            if row.format == format
            and row.block_rows == block_rows
            and row.positions > 1
            and row.threads == 1
        )

    def nonzero_at_one_position(self) -> float | None:
        """What a nonzero costs at one position, in dense weights."""
        found = {
            (row.shape, row.threads): row
            for row in self.layers
            if row.format == "dense" and row.positions == 1
        }
        ratios = []
        for row in self.layers:
            dense = found.get((row.shape, row.threads))
            if row.format == "csr" and dense is not None:
                ratios.append(row.ns / dense.ns / row.density)
        return geometric_mean(ratios)


def geometric_mean(values: Iterable[float]) -> float | None:
    """

    >>> geometric_mean([1.0, 4.0])
    2.0
    """
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else None


def load_profile(path: str | os.PathLike[str]) -> MachineProfile:
    """Reads the profile of any machine. Raises InvalidArgumentError: not there, not one, another version."""
    name = os.fspath(path)
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgumentError(f"the machine profile {name!r} cannot be read: {error.strerror}") from None
    return read_profile(name, text)


def read_profile(name: str, text: bytes) -> MachineProfile:
    """The profile that a file called `name` holds. Raises InvalidArgumentError: none, another version."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgumentError(f"{name!r} is no machine profile: it is not JSON") from None
    version = table.get("secateur_profile") if isinstance(table, dict) else None
    if version is None:
        raise InvalidArgumentError(f"{name!r} is no machine profile: `secateur tune` writes them")
    if version != _core.PROFILE_VERSION:
        raise InvalidArgumentError(
            f"the machine profile {name!r} has version {version}, this library reads "
            f"{_core.PROFILE_VERSION}: measure that machine with this version"
        )
    try:
        return _profile(name, table)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise InvalidArgumentError(f"the machine profile {name!r} is damaged: {error!r}") from None


def _profile(name: str, table: dict[str, Any]) -> MachineProfile:
    columns = list(table["columns"])
    if columns != _core.PROFILE_COLUMNS:
        raise ValueError("its columns are not this version's")
    layers = []
    for numbers in table["plans"]:
        row = dict(zip(columns, numbers, strict=True))
        if row["dtype"] != 0 or row["ns"] <= 0:
            continue
        layers.append(
            Measured(
                shape=tuple(row[column] for column in SHAPE),
                threads=row["threads"],
                format=FORMATS[row["format"]],
                block_rows=row["block_rows"],
                density=row["per_mille"] / 1000,
                ns=row["ns"],
            )
        )
    peak = float(table["fma_gflops"]) / 2
    if not peak > 0:
        raise ValueError(f"fma_gflops is {table['fma_gflops']}")
    return MachineProfile(
        path=name,
        cpu=str(table["cpu"]),
        cpu_name=str(table.get("cpu_name", "")),
        family=str(table["family"]),
        isa=str(table["isa"]),
        peak=peak,
        layers=tuple(layers),
    )
