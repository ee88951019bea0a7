"""Engines whose times and answers a test decides."""

from __future__ import annotations

import numpy as np

from secateur.bench.engines.base import Engine, EngineError, EngineMissingError, Runner
from secateur.bench.workload import Array, Workload


class FakeRunner(Runner):
    def __init__(self, engine: FakeEngine, answer: list[Array]) -> None:
        self.engine = engine
        self.answer = answer
        self.calls = 0

    def run(self) -> list[Array]:
        return self.answer

    def time_once(self) -> int:
        self.engine.log.append(self.engine.name)
        self.calls += 1
        if self.engine.dies_at == self.calls:
            raise EngineError("died")
        return self.engine.base + self.calls

    def close(self) -> None:
        self.engine.closed += 1


class FakeEngine(Engine):
    def __init__(
        self,
        name: str,
        log: list[str],
        *,
        base: int = 1000,
        offset: float = 0.0,
        missing: str = "",
        dies_at: int = 0,
    ) -> None:
        self.name = name
        self.label = name.upper()
        self.log = log
        self.base = base
        self.offset = offset
        self.missing = missing
        self.dies_at = dies_at
        self.closed = 0

    def load(self, workload: Workload, threads: int) -> FakeRunner:
        if self.missing:
            raise EngineMissingError(self.missing)
        return FakeRunner(self, [np.asarray(y + np.float32(self.offset)) for y in workload.reference])
