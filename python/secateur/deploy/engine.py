"""This project's engines of the benchmark, on a device: compiled here for its core, answering and timed
there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import secateur
from secateur.bench.engines import make_engines
from secateur.bench.engines.base import Engine, EngineError, Runner
from secateur.bench.engines.secateur_engine import SecateurSparse
from secateur.bench.workload import Array, Workload
from secateur.deploy.device import Device, Workspace
from secateur.deploy.measure import OnDevice
from secateur.errors import DeviceError, InvalidArgumentError
from secateur.runtime import Limits, Session

NAMES = ("secateur", "secateur-dense", "secateur-int8", "secateur-dense-int8")
DEFAULT_NAMES = NAMES[:2]
# Inferences of one process, which opens the model anew. secateur-run's own first one is not timed, the next
# one not kept: the others are each a turn of the benchmark.
ROUND = 2


class BoardRunner(Runner):
    """A model on the device."""

    def __init__(self, on: OnDevice, file_bytes: int, round: int) -> None:
        self._on, self._file_bytes, self._round = on, file_bytes, round
        self._samples: list[int] = []
        self._report: dict[str, Any] = {}

    def run(self) -> list[Array]:
        try:
            return self._on.answer()
        except DeviceError as error:
            raise EngineError(str(error)) from error

    def warm_up(self) -> None:
        """Each process has its own (`ROUND`)."""

    def time_once(self) -> int:
        if not self._samples:
            self._report, _ = self._on.round(self._round)
            self._samples = [int(sample) for sample in self._report["samples_ns"][1:]]
        return self._samples.pop(0)

    def facts(self) -> dict[str, Any]:
        return {"version": secateur.__version__, "file_bytes": self._file_bytes, **self._memory()}

    def _memory(self) -> dict[str, Any]:
        return {key: self._report[key] for key in ("isa", "memory") if key in self._report}


class OnBoard(Engine):
    """One of `NAMES` on a device that is connected and has `secateur-run`."""

    def __init__(
        self, inner: SecateurSparse, device: Device, workspace: Workspace, target: str, round: int
    ) -> None:
        inner.target = target
        self._round = round
        self.name, self.label, self.tolerance = inner.name, inner.label, inner.tolerance
        self._inner, self._device, self._workspace = inner, device, workspace
        self._there: dict[Path, str] = {}

    def _on(self, workload: Workload, threads: int) -> tuple[OnDevice, Path]:
        path = self._inner.model_file(workload)
        name = f"{self.name}-{len(self._there)}"
        if path not in self._there:
            self._there[path] = self._workspace.write(f"{name}.sct", path.read_bytes())
        with Session(path, limits=Limits.trusted()) as session:
            outputs = session.outputs
        return OnDevice(
            self._device,
            self._workspace,
            self._there[path],
            workload.inputs,
            outputs,
            threads=threads,
            options=["--no-limits"],
            prefix=f"{name}-",
        ), path

    def load(self, workload: Workload, threads: int) -> BoardRunner:
        try:
            on, path = self._on(workload, threads)
        except EngineError:
            raise
        except secateur.SecateurError as error:
            raise EngineError(str(error)) from error
        return BoardRunner(on, path.stat().st_size, self._round)

    def expected(self, workload: Workload) -> list[Array]:
        return self._inner.expected(workload)

    def profile(self, workload: Workload, threads: int, runs: int) -> list[dict[str, Any]]:
        """Time of each operator there."""
        on, _ = self._on(workload, threads)
        return on.profile(runs)


def board_engines(
    names: Sequence[str] | None, device: Device, workspace: Workspace, target: str, round: int = ROUND
) -> list[Engine]:
    """The engines of these names on the device, by `round` (2 at least) inferences a process.

    Raises InvalidArgumentError for one that runs only here.
    """
    wanted = list(names or DEFAULT_NAMES)
    for name in wanted:
        if name not in NAMES:
            raise InvalidArgumentError(f"on a device run {', '.join(NAMES)}, and not {name!r}")
    engines: list[Engine] = []
    for inner in make_engines(wanted):
        assert isinstance(inner, SecateurSparse)
        engines.append(OnBoard(inner, device, workspace, target, round))
    return engines
