"""`secateur prune`: a recipe applied to a network in one step, and saved."""

from __future__ import annotations

import dataclasses
import io
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secateur.cli.common import (
    Checkpoint,
    InputShape,
    Json,
    ModelSpec,
    Trust,
    open_source,
    output_path,
    print_json,
    say,
)
from secateur.errors import InvalidArgumentError
from secateur.text import json_ready

if TYPE_CHECKING:
    from torch import nn

    from secateur.prune import Recipe


def command(
    model: ModelSpec,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", help="Recipe, .toml or .json; with --budget it may be left out."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Where to save it: an exported program (.pt2), or tensors with a description "
            "(.safetensors), which goes back into the factory's network as its --checkpoint.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="KIND=AMOUNT",
            help="What the network may take, in place of a sparsity: params=0.3 (of the dense network's), "
            "flops=0.5, bytes=500k, ms=12 or ms=0.5x; ms is on --target.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="Where time is predicted: a machine profile (.json, of secateur tune), or a name as of "
            "compile, of which shares are known.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print what would be pruned, and what each layer will take; save nothing."
        ),
    ] = False,
    report_path: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write a page (.html) of what was pruned, what layers take and how sensitive they are, "
            "and the same as .json beside it.",
            show_default=False,
        ),
    ] = None,
    checkpoint: Checkpoint = None,
    input_shape: InputShape = None,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Prune a network by a recipe, at once and without training, and save it.

    Accuracy usually needs training after (or while) pruning: `secateur.prune.Pruner` does that in a
    training loop.

    Example: secateur prune mobilenet_v2 --recipe r.toml -o pruned.pt2, where r.toml holds the lines
    sparsity = 0.8, pattern = "4x1", scope = "uniform", skip_last = true; or, for half of the time on a
    Raspberry Pi 4, secateur prune mobilenet_v2 --budget ms=0.5x --target raspberry-pi-4 --dry-run
    """
    from secateur.cli.prune_costs import target_costs
    from secateur.files import save_atomically
    from secateur.prune import Pruner, page, page_table, save, sensitivity
    from secateur.prune.goal import Goal

    if recipe is None and budget is None:
        raise InvalidArgumentError("give --recipe FILE, or --budget, for instance --budget params=0.3")
    if (output is None) != dry_run:
        raise InvalidArgumentError("give -o FILE to save the pruned network, or --dry-run to save nothing")
    tensors = output is not None and output.suffix == ".safetensors"
    if output is not None:
        output_path(output, ".safetensors" if tensors else ".pt2")
    if report_path is not None:
        output_path(report_path, ".html")
    wanted = _wanted(recipe, budget)
    costs, unit = (None, "ms") if target is None else target_costs(target)
    goal = None if wanted.budget is None else Goal.parse(wanted.budget)
    if (
        goal is not None
        and goal.kind == "milliseconds"
        and (costs is None or (unit != "ms" and not goal.share))
    ):
        raise InvalidArgumentError(
            f"{goal} is on a machine: give --target with its profile (.json, `secateur tune` writes one); "
            f"of a named target a share is known, such as ms=0.5x"
        )
    source = open_source(model, checkpoint, input_shape, trust=trust)
    pruner = Pruner(source.module, wanted, example_inputs=source.inputs, costs=costs)
    curves = None if report_path is None else sensitivity(source.module, wanted, source.inputs)
    for _ in range(wanted.schedule.last + 1):
        pruner.step()
    account = pruner.account(costs, unit)
    pruned = pruner.finalize()
    if output is not None and tensors:
        save(pruned, output)
    elif output is not None:
        _export(pruned, source.inputs, output)
    report = pruner.report()
    if report_path is not None:
        save_atomically(report_path, page(report, account, curves, model).encode())
        table = json_ready(page_table(report, account, curves, model))
        save_atomically(report_path.with_suffix(".json"), (dumps(table, indent=1) + "\n").encode())
    if json:
        print_json(
            {
                "output": None if output is None else str(output),
                "report": report.to_dict(),
                "account": account.to_dict(),
            }
        )
    else:
        say(str(report))
        if dry_run:
            say(f"\nwhat each layer takes, before > after{_predicted(target, unit)}:\n{account}")
        say("nothing is saved: a dry run" if output is None else f"wrote {output}")


def _wanted(path: Path | None, budget: str | None) -> Recipe:
    """The recipe of a file, with a budget of the command line in place of its sparsity."""
    from secateur.prune import Recipe

    if path is None:
        return Recipe(budget=budget)
    found = Recipe.load(path)
    if budget is None:
        return found
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return Recipe(**{**fields, "sparsity": None, "budget": budget})


def _predicted(target: str | None, unit: str) -> str:
    return "" if target is None else f" (time as the compiler predicts it for {target}, {unit})"


def _export(model: nn.Module, inputs: tuple[Any, ...], output: Path) -> None:
    import torch

    from secateur.files import save_atomically

    buffer = io.BytesIO()
    torch.export.save(torch.export.export(model, inputs), buffer)
    save_atomically(output, buffer.getvalue())
