"""`secateur tune`: measures this machine, so that models run as fast as they can on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secateur.cli.common import Json, Threads, print_json, say
from secateur.cli.remote import DeviceName
from secateur.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from secateur.deploy.tune import Tuned
    from secateur.tune import Progress


def command(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL.sct]...", help="Model files whose layers are measured.", show_default=False
        ),
    ] = None,
    threads: Threads = 1,
    isa: Annotated[str | None, typer.Option("--isa", help="Instruction set, such as avx2 or neon.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The profile (.json); by default this user's of this machine, or the device's own.",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.01, help="About so long for each model.")
    ] = 45.0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an older profile holds.")] = False,
    device: DeviceName = None,
    runner: Annotated[
        Path | None,
        typer.Option("--runner", help="secateur-tune for the device, where this installation has none."),
    ] = None,
    json: Json = False,
) -> None:
    """Measure this machine, or with --device that one: for each distinct layer of the models, the ways of
    running it that might be fastest, in turns. Models opened afterwards run by what was found. Without
    models a set of common layers is measured. Interrupted, it keeps what it has. A device's profile is kept
    here: `compile --target NAME` goes by it.

    Example: secateur tune model.sct --threads 4
    """
    from secateur.tune import tune

    rows: list[dict[str, Any]] = []

    def show(step: Progress) -> None:
        rows.append({"layer": step.layer, "ns": step.ns, "planned_ns": step.planned_ns})
        if not json:
            say(
                f"[{step.done}/{step.total}] {step.layer}: {step.ns / 1e3:.1f} us"
                + (f", was {step.planned_ns / 1e3:.1f}" if step.ns < step.planned_ns else "")
            )

    slowed: list[str] = []
    if device is None:
        if runner is not None:
            raise InvalidArgumentError("--runner goes with --device")
        path = tune(
            models or [],
            threads=threads,
            isa=isa,
            seconds=seconds,
            output=output,
            progress=show,
            fresh=fresh,
        )
    else:
        done = _there(
            device,
            models or [],
            output,
            progress=show,
            threads=threads,
            isa=isa,
            seconds=seconds,
            fresh=fresh,
            program=runner,
        )
        path, slowed = done.path, done.throttling
    if json:
        where = {} if device is None else {"device": device, "throttling": slowed}
        print_json({"profile": str(path), **where, "layers": rows})
        return
    better = [row["planned_ns"] / row["ns"] for row in rows if row["ns"] < row["planned_ns"]]
    say(f"{len(rows)} layers measured, {len(better)} of them faster than the constants had them")
    if slowed:
        say(f"SLOWED DOWN by {', '.join(slowed)}: these times are not the device's best")
    say(
        f"wrote {path}" + (f"; next: secateur compile ... --target {device}" if device and not output else "")
    )


def _there(
    name: str,
    models: Sequence[Path],
    output: Path | None,
    *,
    progress: Callable[[Progress], None],
    **options: Any,
) -> Tuned:
    """The same on a device. Models are looked at before anybody connects anywhere."""
    from secateur import deploy
    from secateur.cli.deploy import check_model
    from secateur.deploy.registry import profile_file
    from secateur.deploy.tune import tune

    entry = deploy.find(name)
    for model in models:
        check_model(model)
    contents = [model.read_bytes() for model in models]
    with deploy.connect(entry) as device:
        return tune(device, contents, output or profile_file(name), progress=progress, **options)
