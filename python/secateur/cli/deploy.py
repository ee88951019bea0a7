"""`secateur deploy`: a model and what runs it, onto a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from secateur.cli.common import Json, print_json, say, size
from secateur.cli.devices import Runner, names
from secateur.errors import InvalidArgumentError


def command(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL.sct", help="A model file; with --remove none stands for all.", show_default=False
        ),
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="DEVICE",
            help="Of `secateur devices list`.",
            show_default=False,
            autocompletion=names,
        ),
    ] = "",
    runner: Runner = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take it away there instead; without MODEL everything.")
    ] = False,
    json: Json = False,
) -> None:
    """Copy a model to a device, with secateur-run for its processor: one static program, nothing is
    installed. What is there already does not travel again; what arrives is checked by its SHA-256.

    Example: secateur deploy model.sct --to pi
    """
    from secateur import deploy
    from secateur.deploy.device import name_there

    if not to:
        raise InvalidArgumentError("--to names the device (`secateur devices list` shows them)")
    entry = deploy.find(to)
    if remove:
        with deploy.connect(entry) as device:
            gone, left = device.remove(*([name_there(model)] if model else []))
        _tell_removed(to, gone, left, json)
        return
    if model is None:
        raise InvalidArgumentError("which model? secateur deploy MODEL.sct --to " + to)
    check_model(model)
    with deploy.connect(entry) as device:
        puts = put_model(device, model, runner)
    if json:
        files = [{"name": put.name, "bytes": put.bytes, "sent": put.sent} for put in puts]
        print_json({"device": to, "folder": entry.folder, "machine": device.machine, "files": files})
        return
    for put in puts:
        sent = "was there" if not put.sent else f"{size(put.sent)} sent"
        if put.sent and put.sent < put.bytes:
            sent = f"the last {size(put.sent)} of {size(put.bytes)} sent"
        say(f"{put.name}: {sent}")
    say(f"deployed to {to}; next: secateur run {model} --device {to}")


def check_model(model: Path) -> None:
    """Refuses what is no model before anybody connects anywhere."""
    import secateur as sct
    from secateur.runtime import Limits

    sct.Session(model, limits=Limits.trusted()).close()


def put_model(device: Any, model: Path, runner: Path | None) -> list[Any]:
    """Brings the program and the model to a device that is connected."""
    from secateur.deploy.device import RUNNER, name_there
    from secateur.deploy.runner import find_runner

    program = find_runner(device.machine, runner, device=device.entry.name)
    return [device.put(program, RUNNER, mode="700"), device.put(model, name_there(model))]


def _tell_removed(to: str, gone: list[str], left: str, json: bool) -> None:
    if json:
        print_json({"device": to, "removed": gone, "left": left or None})
        return
    say(f"removed from {to}: {', '.join(gone)}" if gone else f"nothing of ours was on {to}")
    if left:
        say(f"{left} stays: it holds files that are not ours")
