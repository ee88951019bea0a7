"""Engines take turns, sample by sample, after each has shown that its answer is right.

Why turns: a machine's speed drifts (frequency, neighbours, temperature) over seconds. Engines timed
one after another meet different machines; engines that alternate meet the same one, so that ratios
hold even where absolute times do not.

A turn is one untimed inference and one timed one. The untimed one brings the engine's weights back
to the caches and its threads awake after the others had the machine; without it, what is measured is
how much of the cache the neighbour used.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from secateur.bench.engines.base import Engine, EngineError, EngineMissingError, Runner
from secateur.bench.stats import Summary, summarize
from secateur.bench.watch import Watch
from secateur.bench.workload import Array, Workload

# An engine's output may differ from PyTorch's by this share of the largest reference value: f32 sums
# of a few thousand terms in another order stay a hundred times below it on the zoo, while a wrong
# layout, padding or activation lands far above.
OUTPUT_TOLERANCE = 1e-3

LOOKS = 10  # at the sensors, over a measurement

Progress = Callable[[str, int, int], None]


@dataclass
class Outcome:
    """What came of one engine on one workload with one number of threads.

    `status`: "ok" (timed), "refused" (its output is wrong: not timed), "not installed", "failed".
    """

    engine: str
    label: str
    threads: int
    status: str
    message: str = ""
    max_abs_err: float | None = None
    tolerance: float | None = None
    samples: list[int] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> Summary | None:
        return summarize(self.samples) if self.samples else None

    def to_dict(self) -> dict[str, Any]:
        summary = self.summary
        return {
            "engine": self.engine,
            "label": self.label,
            "threads": self.threads,
            "status": self.status,
            "message": self.message,
            "max_abs_err": self.max_abs_err,
            "tolerance": self.tolerance,
            "stats_ns": summary.to_dict() if summary else None,
            "samples_ns": self.samples,
            **({"facts": self.facts} if self.facts else {}),
        }

    @classmethod
    def from_dict(cls, entry: dict[str, Any]) -> Outcome:
        """What `to_dict` gave; statistics follow from the samples."""
        kept = {key: value for key, value in entry.items() if key not in {"stats_ns", "samples_ns"}}
        return cls(**kept, samples=entry["samples_ns"])


def compare_outputs(
    outputs: Sequence[Array], reference: Sequence[Array], allowed: float | None = None
) -> tuple[float, float, str]:
    """(largest absolute difference, tolerance, why it is wrong or "")."""
    finite = [np.abs(y[np.isfinite(y)]) for y in reference]
    scale = max((float(y.max(initial=0.0)) for y in finite), default=0.0)
    tolerance = (OUTPUT_TOLERANCE if allowed is None else allowed) * scale
    if len(outputs) != len(reference):
        return float("inf"), tolerance, f"gives {len(outputs)} outputs, PyTorch gives {len(reference)}"
    worst = 0.0
    for got, want in zip(outputs, reference, strict=True):
        if got.shape != want.shape:
            return float("inf"), tolerance, f"gives shape {got.shape}, PyTorch gives {want.shape}"
        same = (got == want) | (np.isnan(got) & np.isnan(want))
        with np.errstate(invalid="ignore"):
            difference = np.abs(got.astype(np.float64) - want.astype(np.float64))
        worst = float(np.maximum(worst, np.max(np.where(same, 0.0, difference), initial=0.0)))
    if not worst <= tolerance:  # NaN is wrong too
        return worst, tolerance, f"differs from PyTorch by {worst:.3g}, allowed is {tolerance:.3g}"
    return worst, tolerance, ""


def _admit(engine: Engine, workload: Workload, threads: int) -> tuple[Outcome, Runner | None]:
    """Loads the engine and lets it answer once; only a right answer gives a runner to time."""
    outcome = Outcome(engine.name, engine.label, threads, "ok")
    try:
        runner = engine.load(workload, threads)
    except EngineMissingError as error:
        outcome.status, outcome.message = "not installed", str(error)
        return outcome, None
    except EngineError as error:
        outcome.status, outcome.message = "failed", str(error)
        return outcome, None
    try:
        answer = runner.run()
        if not engine.checked:
            outcome.message, outcome.facts = "its output is not compared", runner.facts()
            return outcome, runner
        error_size, tolerance, wrong = compare_outputs(answer, engine.expected(workload), engine.tolerance)
    except EngineError as error:
        runner.close()
        outcome.status, outcome.message = "failed", str(error)
        return outcome, None
    outcome.max_abs_err, outcome.tolerance, outcome.facts = error_size, tolerance, runner.facts()
    if wrong:
        runner.close()
        outcome.status, outcome.message = "refused", f"not timed: its output {wrong}"
        return outcome, None
    return outcome, runner


def measure(
    engines: Sequence[Engine],
    workload: Workload,
    *,
    threads: int = 1,
    samples: int = 30,
    warmup: int = 3,
    least_ns: int = 0,
    watch: Watch | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Times every engine on `workload`, interleaved; one `Outcome` per engine, in their order.

    Each engine first answers once and is compared with PyTorch; an engine that is wrong is refused.
    Then `warmup` untimed rounds, then rounds in which each engine has one turn: `samples` of them, and
    more until each engine's timed inferences come to `least_ns`. The order of the turns rotates from
    round to round, so that nobody always follows the same neighbour. `watch` looks at the sensors some
    `LOOKS` times on the way.
    """
    if samples < 1 or warmup < 0 or threads < 1:
        raise ValueError("samples and threads must be at least 1, warmup at least 0")
    told: Progress = progress or (lambda *_: None)
    outcomes: list[Outcome] = []
    running: list[tuple[Outcome, Runner]] = []
    try:
        for engine in engines:
            told(f"{workload.label}: loading {engine.label}", 0, samples)
            outcome, runner = _admit(engine, workload, threads)
            outcomes.append(outcome)
            if runner is not None:
                running.append((outcome, runner))
        collecting = gc.isenabled()
        gc.disable()
        try:
            for _ in range(warmup):
                for _, runner in running:
                    runner.time_once()
            title = f"{workload.label}, {threads} thread{'s' * (threads > 1)}"
            _take_turns(running, samples, least_ns, watch, lambda done, total: told(title, done, total))
        finally:
            if collecting:
                gc.enable()
    finally:
        for _, runner in running:
            runner.close()
    return outcomes


def _take_turns(
    running: list[tuple[Outcome, Runner]],
    samples: int,
    least_ns: int,
    watch: Watch | None,
    told: Callable[[int, int], None],
) -> None:
    spent = {id(outcome): 0 for outcome, _ in running}
    rounds, next_look = 0, 0
    # How many rounds there will be: a guess from what was timed until now, where time decides.
    wanted = samples
    while running and (rounds < samples or min(spent.values()) < least_ns):
        told(rounds, wanted)
        if watch is not None and rounds >= next_look:
            watch(rounds)
            next_look = rounds + max(1, wanted // LOOKS)
        for outcome, runner in _rotated(running, rounds):
            runner.warm_up()
            outcome.samples.append(runner.time_once())
            spent[id(outcome)] += outcome.samples[-1]
        rounds += 1
        if least_ns:
            wanted = max(samples, -(-least_ns * rounds // max(1, min(spent.values()))))
    if watch is not None:
        watch(rounds)


def _rotated(running: list[tuple[Outcome, Runner]], round_number: int) -> list[tuple[Outcome, Runner]]:
    if not running:
        return []
    cut = round_number % len(running)
    return running[cut:] + running[:cut]
