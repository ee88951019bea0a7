"""Other engines on a device, by programs of theirs that the user has: LiteRT's `benchmark_model`.

Such a program times a model by itself and tells a mean, not what it computed: its answer is not compared, and
the tables say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secateur.bench.engines.base import Engine, EngineError, Runner
from secateur.bench.engines.rivals import LiteRt
from secateur.bench.workload import Array, Workload
from secateur.deploy.device import Device, Workspace
from secateur.deploy.failures import last_line
from secateur.deploy.measure import explain
from secateur.deploy.runner import find_runner
from secateur.errors import DeviceError

LITERT_TOOL = "litert-benchmark_model"  # its name on the device
ROUND = 8  # inferences of a process; a sample is their mean
_MEAN = re.compile(r"Inference \(avg\): ([0-9.eE+]+)")


def mean_ns(printed: str) -> int | None:
    """Nanoseconds of an inference, as LiteRT's benchmark_model tells them in microseconds.

    >>> mean_ns("Inference timings in us: Init: 5685, First inference: 18535, Inference (avg): 14575.2")
    14575200
    """
    found = _MEAN.search(printed)
    return round(float(found[1]) * 1000) if found else None


class LiteRtTool(Engine):
    """LiteRT on a device by its `benchmark_model`; the network is converted here."""

    name, label, checked = "litert", f"LiteRT benchmark_model, means of {ROUND}", False

    def __init__(
        self,
        device: Device,
        workspace: Workspace,
        tool: Path,
        pythons: Mapping[str, str] | None = None,
        cache: Path | None = None,
    ) -> None:
        """tool: the program for that device. pythons, cache: as of `make_engines`."""
        program = find_runner(device.machine, tool, device=device.entry.name)
        device.put(program, LITERT_TOOL, mode="700")
        self._device, self._workspace = device, workspace
        self._converter = LiteRt(pythons, cache)
        self._there: dict[Path, str] = {}

    def load(self, workload: Workload, threads: int) -> Runner:
        path = self._converter.model_file(workload)
        try:
            if path not in self._there:
                name = f"litert-{len(self._there)}.tflite"
                self._there[path] = self._workspace.write(name, path.read_bytes())
        except DeviceError as error:
            raise EngineError(str(error)) from error
        return _ToolRunner(self._device, self._workspace, self._there[path], threads, path.stat().st_size)


class _ToolRunner(Runner):
    def __init__(
        self, device: Device, workspace: Workspace, model: str, threads: int, file_bytes: int
    ) -> None:
        self._device, self._workspace, self._file_bytes = device, workspace, file_bytes
        # --min_secs and --warmup_min_secs would run on beyond the numbers.
        self._words = [f"--graph={model}", f"--num_threads={threads}", f"--num_runs={ROUND}"]
        self._words += ["--warmup_runs=1", "--min_secs=0", "--warmup_min_secs=0"]

    def run(self) -> list[Array]:
        """Nothing: the program does not tell."""
        self.time_once()
        return []

    def warm_up(self) -> None:
        """Each process has its own."""

    def time_once(self) -> int:
        try:
            ran = self._workspace.run(*self._words, program=LITERT_TOOL)
            if ran.status != 0:
                raise explain(self._device, ran, LITERT_TOOL)
        except DeviceError as error:
            raise EngineError(str(error)) from error
        mean = mean_ns(f"{ran.out}\n{ran.err}")
        if mean is None:
            raise EngineError(f"benchmark_model told no mean time, but: {last_line(ran.out or ran.err)!r}")
        return mean

    def facts(self) -> dict[str, Any]:
        return {"file_bytes": self._file_bytes, "inferences_of_a_sample": ROUND, "output": "not compared"}
