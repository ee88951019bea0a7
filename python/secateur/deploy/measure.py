"""Inferences on a device, timed there by `secateur-run`: rounds of them, with a look at the sensors around
each.

Each round is a process of its own, which opens the model and warms up again; that bounds what an interrupt
loses, and lets several models take turns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.bench.stats import summarize
from secateur.deploy import failures
from secateur.deploy.device import RUNNER, Device, Ran, Workspace
from secateur.deploy.facts import Sensors, told
from secateur.errors import DeviceError

Array = NDArray[Any]
Progress = Callable[[int, int], None]

ROUND_NS = 1_000_000_000  # of inferences in one round
SPREAD = 0.02  # median absolute deviation over the median: below it the samples agree
MOST = 5  # times as many samples as asked for by default, where they do not


@dataclass
class Measured:
    """Samples in nanoseconds, and beside each round's the sensors: (samples until then, what they said)."""

    report: dict[str, Any] = field(default_factory=dict)
    samples: list[int] = field(default_factory=list)
    looks: list[tuple[int, Sensors]] = field(default_factory=list)
    outputs: list[Array] = field(default_factory=list)
    interrupted: bool = False

    def sensors(self) -> dict[str, Any]:
        """As reports have it: the range of temperatures and clocks, and what throttled."""
        return told(self.looks)


def explain(device: Device, ran: Ran, program: str = RUNNER) -> DeviceError:
    """Why a program failed there."""
    for line in ran.err.splitlines():
        if line.startswith(f"{program}: "):
            return device.error(line.removeprefix(f"{program}: "))
    if ran.status in (132, 4):
        return device.error(f"{program} stopped at an instruction that its CPU does not have")
    if ran.status in (137, 9):
        return device.error(f"{program} was killed there: its memory is probably too small for this model")
    return device.error(f"{program} did not run: {failures.on_device(ran.err, ran.status, program)}")


class OnDevice:
    """A model that lies on a device with its inputs, ready to be run in rounds.

    Parameters
    ----------
    device, workspace
        Where.
    model
        Its path there, as `Device.put` was told.
    inputs
        One array per input, of the shapes and dtypes that the model takes.
    outputs
        name, shape and dtype of each output, as `Session.outputs` has them.
    options
        More words for `secateur-run`, such as ``--isa neon``.
    """

    def __init__(
        self,
        device: Device,
        workspace: Workspace,
        model: str,
        inputs: Sequence[Array],
        outputs: Sequence[dict[str, Any]],
        *,
        threads: int = 1,
        options: Sequence[str] = (),
        prefix: str = "",
    ) -> None:
        self._device, self._workspace, self._ports, self._prefix = device, workspace, outputs, prefix
        self._words = [model, "--json", "--threads", str(threads), *options]
        for i, array in enumerate(inputs):
            little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            path = workspace.write(f"{prefix}in{i}", little.tobytes())
            self._words += ["--input", path]

    def round(self, repeat: int, *words: str) -> tuple[dict[str, Any], Ran]:
        """One process: its report, and how it ended. The first inference in it is not timed."""
        ran = self._workspace.run(*self._words, "--repeat", str(repeat), *words)
        if ran.status != 0:
            raise explain(self._device, ran)
        try:
            report = json.loads(ran.out)
        except ValueError:
            raise self._device.error(
                f"secateur-run printed no JSON: {failures.last_line(ran.out)!r}"
            ) from None
        if report.get("schema") != "secateur-run/1":
            raise self._device.error(
                "secateur-run there is of another version than this: give the right one by --runner"
            )
        return report, ran

    def answer(self) -> list[Array]:
        """The outputs of one inference."""
        names = [f"{self._prefix}out{i}" for i in range(len(self._ports))]
        words = [word for name in names for word in ("--output", f"{self._workspace.name}/{name}")]
        self.round(1, *words)
        return [self._array(name, port) for name, port in zip(names, self._ports, strict=True)]

    def _array(self, name: str, port: dict[str, Any]) -> Array:
        dtype = np.dtype(port["dtype"]).newbyteorder("<")
        data = self._workspace.read(name)
        if len(data) != dtype.itemsize * int(np.prod(port["shape"])):
            raise self._device.error(f"the output {port['name']!r} came with {len(data)} bytes, cut short")
        array: Array = np.frombuffer(data, dtype).reshape(port["shape"])
        return array.astype(np.dtype(port["dtype"]))

    def profile(self, repeat: int) -> list[dict[str, Any]]:
        """Time of each operator, as `Session.profile` gives it."""
        report, _ = self.round(repeat, "--profile")
        return list(report["layers"])


def measure(
    on: OnDevice, *, repeat: int | None, warmup: int, default: int, progress: Progress | None = None
) -> Measured:
    """Times inferences until there are `repeat` of them; by default `default`, and up to `MOST` times as
    many while they differ by more than `SPREAD`.

    Each round drops its first `warmup` samples beside the one that `secateur-run` drops itself. An interrupt
    keeps the rounds that were finished; before the first there is nothing to keep, and it is raised.
    """
    found = Measured()
    wanted = repeat or default
    step = 1
    try:
        while len(found.samples) < wanted:
            count = min(step, wanted - len(found.samples))
            report, ran = on.round(warmup + count)
            until = len(found.samples)
            found.looks += [(until, look) for look in (ran.before, *ran.during)]
            found.looks.append((until + count, ran.after))
            found.samples += [int(sample) for sample in report["samples_ns"][warmup:]]
            found.report = report
            if progress is not None:
                progress(len(found.samples), wanted)
            summary = summarize(found.samples)
            step = max(1, int(ROUND_NS / summary.median) - warmup)
            more = repeat is None and len(found.samples) >= wanted and wanted < MOST * default
            if more and summary.mad > SPREAD * summary.median:
                wanted += default
    except KeyboardInterrupt:
        if not found.samples:
            raise
        found.interrupted = True
    return found
