"""`secateur demo`: the main job from beginning to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secateur.cli.common import Threads
from secateur.errors import InvalidArgumentError


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """{"name": "value"} of options written as name=value.

    >>> pairs(["litert=/opt/litert/bin/python"], "--engine-python")
    {'litert': '/opt/litert/bin/python'}
    """
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InvalidArgumentError(f"{option} takes NAME=PATH, not {text!r}")
        found[name] = value
    return found


def command(
    out: Annotated[Path, typer.Option("--out", help="Folder for the report.")] = Path("demo-report"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Train for a moment only: shows that it works.")
    ] = False,
    threads: Threads = 1,
    seed: Annotated[int, typer.Option("--seed", help="Of training and the data split.")] = 0,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--checkpoint", metavar="NAME=PATH", help="Weights of mobilenet_v1, mobilenet_v2 or resnet50."
        ),
    ] = None,
) -> None:
    """Train a small network on handwritten digits, prune copies of it in four ways, compile each, check
    each against PyTorch, time them, and write an HTML report. Under four minutes on two cores.

    Ends with status 1 where a compiled model does not compute what PyTorch does.

    Example: secateur demo --out demo-report
    """
    import os

    from rich.console import Console

    # Training uses all cores. Beside other work, OpenMP threads that spin at a barrier take the core
    # from the thread they wait for. Timings with one thread have no barriers; with more, PyTorch
    # keeps its default.
    if threads == 1:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")

    from secateur.demo.run import Options, run_demo

    checkpoints = pairs(checkpoint, "--checkpoint")
    outcome = run_demo(Options(out, quick, threads, seed, checkpoints), Console())
    if not outcome.faithful:
        raise typer.Exit(1)
