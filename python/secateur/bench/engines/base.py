"""What an engine's adapter is: something that loads a workload and then runs it, one inference a call."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any

from secateur.bench.workload import Array, Workload
from secateur.errors import SecateurError


class EngineError(SecateurError):
    """An engine could not load or run the network; the others go on."""


# Of engines that compute in int8: it tells a wrong layer, which comes to the size of the outputs themselves,
# from rounding, which in networks with random weights, calibrated on few inputs, comes to 2 to 25% of the
# largest output (MobileNetV1 by onnxruntime: 24%).
INT8_TOLERANCE = 0.4


class EngineMissingError(EngineError):
    """The engine is not installed; the message says how to get it."""


class Runner(ABC):
    """A loaded network with its input, ready to run."""

    @abstractmethod
    def run(self) -> list[Array]:
        """One inference: arrays in, arrays out."""

    def time_once(self) -> int:
        """Nanoseconds of one `run`."""
        start = time.perf_counter_ns()
        self.run()
        return time.perf_counter_ns() - start

    def warm_up(self) -> None:
        """What comes before `time_once` in a turn: an inference that is not timed."""
        self.time_once()

    def facts(self) -> dict[str, Any]:
        """What is worth writing down beside the times: file size, version, memory."""
        return {}

    def close(self) -> None:  # noqa: B027 (most runners hold nothing)
        """Lets go of processes, threads and files."""


class Engine(ABC):
    """One adapter. `name` is how users ask for it, `label` what tables show."""

    name: str
    label: str
    # How far from the right answer its outputs may be, over the largest of them; None: f32 rounding.
    tolerance: float | None = None
    # Whether it tells what it computed; one that does not is timed all the same, and said to be unchecked.
    checked: bool = True

    @abstractmethod
    def load(self, workload: Workload, threads: int) -> Runner:
        """Converts and loads the workload's network.

        Raises EngineMissingError where the engine is not installed, EngineError where it cannot run
        this network.
        """

    def expected(self, workload: Workload) -> list[Array]:
        """What a right answer is."""
        return workload.reference
