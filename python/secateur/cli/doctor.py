"""`secateur doctor`: what keeps a model from being faster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from secateur.cli.common import Json, NoLimits, Threads, limits_of, print_json, say
from secateur.cli.devices import Runner
from secateur.cli.remote import DeviceName, deployed
from secateur.text import printable


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL.sct", help="A model file.", show_default=False)],
    threads: Threads = 1,
    runs: Annotated[int, typer.Option("--runs", min=1, help="Inferences to time.")] = 20,
    no_limits: NoLimits = False,
    device: DeviceName = None,
    runner: Runner = None,
    json: Json = False,
) -> None:
    """Show what keeps a model from being faster, dearest first: dense layers that zeros would help, zeros
    that save nothing, layers that memory bounds, conversions of layout and dtype. Times are measured, here
    or on a device; gains are predicted.

    Example: secateur doctor model.sct
    """
    import secateur as sct
    from secateur.bench.diagnose import diagnose
    from secateur.bench.stats import milliseconds
    from secateur.cli.run import noise
    from secateur.passes.cost_model import core_for

    with sct.Session(model, threads=threads, limits=limits_of(no_limits)) as session:
        layers, inputs, outputs = session.layers, session.inputs, session.outputs
        times = session.profile(runs=runs) if device is None else []
    core = core_for(None)
    if device is not None:
        import numpy as np

        from secateur.deploy.facts import target_of
        from secateur.deploy.measure import OnDevice

        with deployed(device, model, runner) as (connected, workspace, path):
            core = core_for(target_of(connected.facts()))
            options = ["--no-limits"] if no_limits else []
            arrays = noise(inputs, np.random.default_rng(0))
            on = OnDevice(connected, workspace, path, arrays, outputs, threads=threads, options=options)
            times = on.profile(runs)
    findings = diagnose(layers, times, core)
    total = float(sum(row["median_ns"] for row in times))
    if json:
        print_json(
            {
                "schema": "secateur-doctor/1",
                "model": str(model),
                "device": device,
                "core": core.name,
                "layers_ns": total,
                "findings": [finding.to_dict() for finding in findings],
            }
        )
        return
    say(f"{model}: {len(layers)} layers, {milliseconds(total)} ms in all, costs of {core.name}")
    for finding in findings:
        if not finding.layers:
            say(f"- {finding.sentence}")
            continue
        gain = f", about {milliseconds(finding.gain_ns)} ms to gain" if finding.gain_ns else ""
        cost = f"{milliseconds(finding.ns)} ms, {finding.ns / total:.0%}{gain}"
        say(f"- {cost}: {_named(finding.layers)}: {finding.sentence}")
    if not findings:
        say("- nothing found: its layers run as they are meant to")


def _named(layers: list[Any]) -> str:
    """
    >>> _named(["a"]), _named(["a", "b", "c"])
    ('1 layer (a)', '3 layers (a, b, ...)')
    """
    names = ", ".join(printable(str(name)) for name in layers[:2]) + (", ..." if len(layers) > 2 else "")
    return f"{len(layers)} layer{'s' if len(layers) > 1 else ''} ({names})"
