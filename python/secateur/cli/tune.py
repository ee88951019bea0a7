"""`secateur tune`: measures this machine, so that models run as fast as they can on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secateur.cli.common import Json, Threads, print_json, say

if TYPE_CHECKING:
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
        typer.Option("-o", "--output", help="The profile (.json); by default this user's of this machine."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.01, help="About so long for each model.")
    ] = 45.0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an older profile holds.")] = False,
    json: Json = False,
) -> None:
    """Measure this machine: for each distinct layer of the models, the ways of running it that might be
    fastest, in turns. Models opened afterwards run by what was found. Without models a set of common
    layers is measured. Interrupted, it keeps what it has.

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

    path = tune(
        models or [],
        threads=threads,
        isa=isa,
        seconds=seconds,
        output=output,
        progress=show,
        fresh=fresh,
    )
    if json:
        print_json({"profile": str(path), "layers": rows})
        return
    better = [row["planned_ns"] / row["ns"] for row in rows if row["ns"] < row["planned_ns"]]
    say(f"{len(rows)} layers measured, {len(better)} of them faster than the constants had them")
    say(f"wrote {path}")
