"""Schedules: how the sparsity grows over training steps. Step 0 is the first call of `Pruner.step`."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from secateur.errors import PruningError
from secateur.prune._spec import Registry, to_table

S = TypeVar("S", bound="Schedule")


class Schedule(ABC):
    """Says at which steps the masks are chosen anew, and how sparse they then are."""

    name: str = "custom"
    steps_in: ClassVar[tuple[str, ...]] = ()  # the fields that count steps
    regrows: ClassVar[bool] = False  # whether what was pruned may come back at an update
    rewind: int | None = None  # the step whose weights every later update goes back to

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

    def exchange(self, step: int) -> float:
        """The share of what is kept that changes places at `step`, 0 for schedules that only remove."""
        return 0.0

    def per_epoch(self: S, steps: int) -> S:
        """The same schedule with its numbers counting epochs of `steps` steps.

        >>> Cubic(begin=0, end=20).per_epoch(100)
        Cubic(begin=0, end=2000, every=100, initial=0.0)
        """
        _check_step("steps", steps, 1)
        found = {key: getattr(self, key) for key in self.steps_in}
        counted = {key: value * steps for key, value in found.items() if value is not None}
        return dataclasses.replace(self, **counted)  # type: ignore[type-var]

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
    steps_in: ClassVar[tuple[str, ...]] = ("at",)

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
    steps_in: ClassVar[tuple[str, ...]] = ("begin", "end", "every")
    power: ClassVar[int] = 3

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
        return final + (initial - final) * left**self.power


@dataclass(frozen=True)
class Linear(Cubic):
    """By as much at every update, from `initial` at `begin` to the end.

    >>> schedule = Linear(begin=0, end=100, every=25)
    >>> [round(schedule.sparsity(t, final=0.8), 3) for t in (0, 25, 50, 100)]
    [0.0, 0.2, 0.4, 0.8]
    """

    name = "linear"
    power: ClassVar[int] = 1


@dataclass(frozen=True)
class Iterative(Schedule):
    """In `rounds`, each of which removes the same share of what is left and trains for `every` steps.

    Round k, at step `begin` + k * `every`, reaches 1 - (1 - final)^((k + 1) / rounds). With `rewind` the
    weights and buffers go back to what they were at that step after each round, and train again from there
    (Frankle et al., "Linear mode connectivity and the lottery ticket hypothesis", ICML 2020); set the
    optimizer and its learning rate back too.

    >>> schedule = Iterative(rounds=3, every=10)
    >>> [round(schedule.sparsity(t, final=0.875), 3) for t in (0, 9, 10, 20)]
    [0.5, 0.5, 0.75, 0.875]
    """

    rounds: int
    every: int
    begin: int = 0
    rewind: int | None = None
    name = "iterative"
    steps_in: ClassVar[tuple[str, ...]] = ("every", "begin", "rewind")

    def __post_init__(self) -> None:
        _check_step("rounds", self.rounds, 1)
        _check_step("every", self.every, 1)
        _check_step("begin", self.begin, 0)
        if self.rewind is not None:
            _check_step("rewind", self.rewind, 0)
            if self.rewind > self.begin:
                raise PruningError(f"rewind must be at or before begin ({self.begin}), got {self.rewind}")

    @property
    def last(self) -> int:
        return self.begin + (self.rounds - 1) * self.every

    def updates(self, step: int) -> bool:
        return self.begin <= step <= self.last and (step - self.begin) % self.every == 0

    def sparsity(self, step: int, final: float) -> float:
        if step < self.begin:
            return 0.0
        done = min(self.rounds, (step - self.begin) // self.every + 1)
        return float(1.0 - (1.0 - final) ** (done / self.rounds))


@dataclass(frozen=True)
class AcDc(Schedule):
    """Phases of `period` steps, sparse and dense by turns from `begin` to `end`, then sparse for good.

    Peste et al., "AC/DC: alternating compressed/decompressed training of deep neural networks", NeurIPS
    2021. Before `begin` all is dense; in dense phases what was pruned trains again, from zero.

    >>> schedule = AcDc(begin=10, end=50, period=10)
    >>> [schedule.sparsity(t, final=0.9) for t in (0, 10, 20, 30, 40, 50)]
    [0.0, 0.9, 0.0, 0.9, 0.0, 0.9]
    """

    begin: int
    end: int
    period: int
    name = "acdc"
    steps_in: ClassVar[tuple[str, ...]] = ("begin", "end", "period")
    regrows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_step("begin", self.begin, 0)
        _check_step("period", self.period, 1)
        _check_step("end", self.end, self.begin + 1)

    @property
    def last(self) -> int:
        return self.end

    def updates(self, step: int) -> bool:
        phase = self.begin <= step < self.end and (step - self.begin) % self.period == 0
        return step == self.end or phase

    def sparsity(self, step: int, final: float) -> float:
        if step < self.begin:
            return 0.0
        if step >= self.end:
            return final
        return final if (step - self.begin) // self.period % 2 == 0 else 0.0


@dataclass(frozen=True)
class RigL(Schedule):
    """Sparse from step 0; every `every` steps up to `end` some weights go and as many others come back.

    The share of what is kept that changes places falls as fraction / 2 * (1 + cos(pi * step / end)). What
    goes has the lowest score, what comes has the largest gradient and starts at zero (Evci et al., "Rigging
    the lottery", ICML 2020); with `grow="random"` it is drawn (Mocanu et al., "Scalable training of
    artificial neural networks with adaptive sparse connectivity", 2018: SET). Each layer stays as sparse as
    the scope made it. For elements and blocks.

    >>> schedule = RigL(end=100, every=10)
    >>> [round(schedule.exchange(t), 3) for t in (0, 50, 100)]
    [0.0, 0.15, 0.0]
    """

    end: int
    every: int = 100
    fraction: float = 0.3
    grow: str = "gradient"
    seed: int = 0
    name = "rigl"
    steps_in: ClassVar[tuple[str, ...]] = ("end", "every")

    def __post_init__(self) -> None:
        _check_step("every", self.every, 1)
        _check_step("end", self.end, 1)
        if not 0.0 < self.fraction < 1.0:
            raise PruningError(f"fraction must be between 0 and 1, got {self.fraction}")
        if self.grow not in ("gradient", "random"):
            raise PruningError(f"grow must be 'gradient' or 'random', got {self.grow!r}")

    @property
    def last(self) -> int:
        return self.end

    def updates(self, step: int) -> bool:
        return step < self.end and step % self.every == 0

    def sparsity(self, step: int, final: float) -> float:
        return final

    def exchange(self, step: int) -> float:
        if step == 0 or step >= self.end:
            return 0.0
        return self.fraction / 2 * (1 + math.cos(math.pi * step / self.end))


_SCHEDULES: Registry[Schedule] = Registry("schedule", Schedule)
_SCHEDULES.register("constant", Constant)
_SCHEDULES.register("cubic", Cubic)
_SCHEDULES.register("linear", Linear)
_SCHEDULES.register("iterative", Iterative)
_SCHEDULES.register("acdc", AcDc)
_SCHEDULES.register("rigl", RigL)


def register_schedule(name: str, schedule: type[Schedule]) -> None:
    """Give a schedule class a name that recipes can use."""
    _SCHEDULES.register(name, schedule)


def parse_schedule(spec: object, field: str = "schedule") -> Schedule:
    """A schedule from its name, a table, or a Schedule. Raises PruningError naming `field`."""
    return _SCHEDULES.parse(spec, field)
