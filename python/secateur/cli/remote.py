"""`run`, `verify` and `bench` with --device: what they do there, told of as they tell of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secateur.cli.common import print_json, say, stdout
from secateur.cli.deploy import put_model
from secateur.cli.devices import names
from secateur.errors import MismatchError, SecateurError
from secateur.text import printable

if TYPE_CHECKING:
    from secateur.bench.engines.base import Engine
    from secateur.bench.watch import Watch
    from secateur.deploy import Device
    from secateur.deploy.device import Workspace
    from secateur.deploy.facts import Facts
    from secateur.deploy.measure import Measured, OnDevice

DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Do it on this device (`secateur devices list`).",
        autocompletion=names,
    ),
]


def target_named(target: str | None) -> str | None:
    """A target of the compiler, where `target` is the name of a device: its own profile, where it was tuned,
    else what it was found to be."""
    from secateur import deploy
    from secateur.deploy.registry import profile_file
    from secateur.passes.cost_model import CORES, TARGETS

    if target is None or target.lower().replace("_", "-") in {*TARGETS, *CORES}:
        return target
    with suppress(SecateurError):  # no such device: the compiler lists the targets
        entry = deploy.find(target)
        profile = profile_file(target)
        return str(profile) if profile.exists() else entry.target or target
    return target


@contextmanager
def deployed(name: str, model: Path, runner: Path | None) -> Iterator[tuple[Device, Workspace, str]]:
    """The device, a folder there that goes afterwards, and the model's path there; the model stays, as by
    `secateur deploy`."""
    from secateur import deploy

    with deploy.connect(deploy.find(name)) as device:
        _, put = put_model(device, model, runner)
        with device.workspace() as workspace:
            yield device, workspace, put.name


def measured(on: OnDevice, name: str, repeat: int | None, warmup: int, *, quiet: bool) -> Measured:
    """Rounds of inferences, counted on the terminal while they run."""
    from rich.text import Text

    from secateur.cli.run import DEFAULT_REPEAT
    from secateur.deploy.measure import measure

    with stdout(stderr=True).status(Text(f"{printable(name)}: first inference")) as status:

        def progress(done: int, total: int) -> None:
            if not quiet:
                status.update(Text(f"{printable(name)}: {done} of {total} inferences"))

        return measure(on, repeat=repeat, warmup=warmup, default=DEFAULT_REPEAT, progress=progress)


def tell_sensors(found: Measured) -> None:
    """Temperature, clock and throttling, one line."""
    from secateur.deploy.facts import in_words

    say(in_words(found.sensors()) or "the device tells neither temperature nor clock")


def verify(
    name: str, model: Path, *, runner: Path | None, samples: int, threads: int, no_limits: bool, json: bool
) -> None:
    """Compares what the device answers with what this machine's runtime says that it must."""
    import numpy as np

    import secateur as sct
    from secateur.cli.common import limits_of
    from secateur.cli.run import noise
    from secateur.deploy.measure import OnDevice
    from secateur.deploy.predict import predict

    limits = limits_of(no_limits)
    with sct.Session(model, limits=limits) as session:
        ports, outputs = session.inputs, session.outputs
    found: list[tuple[float, float, bool]] = []
    how = ""
    with deployed(name, model, runner) as (device, workspace, path):
        for sample in range(samples):
            arrays = noise(ports, np.random.default_rng(sample))
            expected = predict(model, arrays, limits)
            options = ["--no-limits"] if no_limits else []
            on = OnDevice(device, workspace, path, arrays, outputs, threads=threads, options=options)
            found.append(expected.compare(on.answer()))
            how = expected.how
    right = all(same for _, _, same in found)
    # The worst: first of those that are wrong.
    worst, allowed, _ = max(found, key=lambda row: (not row[2], row[0]))
    if json:
        print_json(
            {
                "matches": right,
                "device": name,
                "compared": how,
                "relative_rms_err" if how in ("codes", "halves") else "max_abs_err": worst,
                "tolerance": allowed,
                "inputs": samples,
            }
        )
    what = {
        "bits": "to the bit",
        "rounding": "but for rounding",
        "codes": "but for single codes of int8",
        "halves": "but for rounding in float16",
    }[how]
    if not right:
        raise MismatchError(
            f"{name} does not compute what this machine does with {model}: its output differs by "
            f"{worst:.3g}, allowed is {allowed:.3g}"
        )
    if not json:
        numbers = "" if how == "bits" else f": largest difference {worst:.2g}, allowed {allowed:.2g}"
        plural = "s" if samples > 1 else ""
        say(f"{name} computes what this machine does, {what}{numbers}, over {samples} input{plural}")


@contextmanager
def board(
    name: str,
    runner: Path | None,
    engines: list[str] | None,
    round: int | None = None,
    litert: tuple[Path, dict[str, str], Path | None] | None = None,
) -> Iterator[tuple[list[Engine], Watch, dict[str, Any]]]:
    """(the benchmark's engines on a device, a look at its sensors, what it is), while it is connected.

    litert: LiteRT's benchmark_model, the Pythons that convert, where converted models are kept.
    """
    from secateur import deploy
    from secateur.bench.watch import Watch
    from secateur.deploy.device import RUNNER
    from secateur.deploy.engine import ROUND, board_engines
    from secateur.deploy.facts import target_of
    from secateur.deploy.registry import profile_file
    from secateur.deploy.rivals import LiteRtTool
    from secateur.deploy.runner import find_runner

    with deploy.connect(deploy.find(name)) as device:
        program = find_runner(device.machine, runner, device=name)
        device.put(program, RUNNER, mode="700")
        facts = device.facts()
        profile = profile_file(name)
        core, tuned = target_of(facts), profile.exists()
        target = str(profile) if tuned else core
        with device.workspace() as workspace:
            made = board_engines(engines, device, workspace, target, round or ROUND)
            if litert is not None:
                made.append(LiteRtTool(device, workspace, *litert))
            what = {**_as_machine(name, facts), "target": core, "tuned": tuned}
            yield made, Watch(lambda: workspace.seen), what


def this_machine() -> dict[str, Any]:
    """What compiled the models that ran elsewhere."""
    from secateur.bench.machine import machine

    return machine()


def _as_machine(name: str, facts: Facts) -> dict[str, Any]:
    """A device as benchmarks tell of machines (`secateur.bench.machine`)."""
    return {
        "device": name,
        "cpu": facts.board or ", ".join(dict.fromkeys(facts.cores)),
        "architecture": facts.machine,
        "cores": len(facts.cores),
        "core_names": list(facts.cores),
        "flags": sorted(facts.features),
        "governor": facts.governor or None,
        "memory_bytes": facts.memory_bytes,
        "os": ", ".join(filter(None, (facts.system, facts.kernel))),
        "sensors": facts.sensors.to_dict(),
    }
