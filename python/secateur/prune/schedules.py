"""Schedules: how the sparsity grows over training steps. Step 0 is the first call of `Pruner.step`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from secateur.errors import PruningError
from secateur.prune._spec import Registry, to_table


class Schedule(ABC):
    """Says at which steps the masks are chosen anew, and how sparse they then are."""

    name: str = "custom"

    @property
    @abstractmethod
    def last(self) -> int:
        """The step at which the final sparsity is reached."""

    @abstractmethod
    def updates(self, step: int) -> bool:
        """Whether the masks are chosen anew at `step`."""

    @abstractmethod
    def sparsity(self, step: int, final: float) -> float:
        """The sparsity in force at `step` for a layer that ends at `final`."""

    def to_dict(self) -> dict[str, Any]:
        """The table that a recipe file holds for this schedule."""
        return to_table(self.name, self)


def _check_step(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise PruningError(f"{name} must be a whole number from {least}, got {value!r}")


@dataclass(frozen=True)
class Constant(Schedule):
    """All at once, at step `at`; the steps after it train what is left."""

    at: int = 0
    name = "constant"

    def __post_init__(self) -> None:
        _check_step("at", self.at, 0)

    @property
    def last(self) -> int:
        return self.at

    def updates(self, step: int) -> bool:
        return step == self.at

    def sparsity(self, step: int, final: float) -> float:
        return final if step >= self.at else 0.0


@dataclass(frozen=True)
class Cubic(Schedule):
    """Fast at first, gently at the end (Zhu & Gupta, "To prune, or not to prune", 2017).

    s_t = s_f + (s_i - s_f) (1 - (t - begin) / (end - begin))^3, at t = begin, begin + every, ..., end.
    `initial` (s_i) is the sparsity at `begin`; layers that end lower than it start at their end.

    >>> schedule = Cubic(begin=0, end=100, every=50)
    >>> [round(schedule.sparsity(t, final=0.8), 3) for t in (0, 50, 100, 1000)]
    [0.0, 0.7, 0.8, 0.8]
    """

    begin: int
    end: int
    every: int = 1
    initial: float = 0.0
    name = "cubic"

    def __post_init__(self) -> None:
        _check_step("begin", self.begin, 0)
        _check_step("every", self.every, 1)
        _check_step("end", self.end, self.begin + 1)
        if not 0.0 <= self.initial < 1.0:
            raise PruningError(f"initial must be in [0, 1), got {self.initial}")

    @property
    def last(self) -> int:
        return self.end

    def updates(self, step: int) -> bool:
        on_beat = (step - self.begin) % self.every == 0
        return step == self.end or (self.begin <= step < self.end and on_beat)

    def sparsity(self, step: int, final: float) -> float:
        if step < self.begin:
            return 0.0
        if step >= self.end:
            return final
        initial = min(self.initial, final)
        left = 1.0 - (step - self.begin) / (self.end - self.begin)
        return final + (initial - final) * left**3


_SCHEDULES: Registry[Schedule] = Registry("schedule", Schedule)
_SCHEDULES.register("constant", Constant)
_SCHEDULES.register("cubic", Cubic)


def register_schedule(name: str, schedule: type[Schedule]) -> None:
    """Give a schedule class a name that recipes can use."""
    _SCHEDULES.register(name, schedule)


def parse_schedule(spec: object, field: str = "schedule") -> Schedule:
    """A schedule from its name, a table, or a Schedule. Raises PruningError naming `field`."""
    return _SCHEDULES.parse(spec, field)
