"""`secateur prune`: a recipe applied to a network in one step, and saved."""

from __future__ import annotations

import io
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

if TYPE_CHECKING:
    from torch import nn


def command(
    model: ModelSpec,
    recipe: Annotated[Path, typer.Option("--recipe", help="Recipe, .toml or .json.", show_default=False)],
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be pruned, and save nothing.")
    ] = False,
    checkpoint: Checkpoint = None,
    input_shape: InputShape = None,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Prune a network by a recipe, at once and without training, and save it.

    Accuracy usually needs training after (or while) pruning: `secateur.prune.Pruner` does that in a
    training loop.

    Example: secateur prune mobilenet_v2 --recipe r.toml -o pruned.pt2, where r.toml holds the lines
    sparsity = 0.8, pattern = "4x1", scope = "uniform", skip_last = true
    """
    from secateur.prune import Pruner, Recipe, save

    if (output is None) != dry_run:
        raise InvalidArgumentError("give -o FILE to save the pruned network, or --dry-run to save nothing")
    tensors = output is not None and output.suffix == ".safetensors"
    if output is not None:
        output_path(output, ".safetensors" if tensors else ".pt2")
    wanted = Recipe.load(recipe)
    source = open_source(model, checkpoint, input_shape, trust=trust)
    pruner = Pruner(source.module, wanted, example_inputs=source.inputs)
    for _ in range(wanted.schedule.last + 1):
        pruner.step()
    pruned = pruner.finalize()
    if output is not None and tensors:
        save(pruned, output)
    elif output is not None:
        _export(pruned, source.inputs, output)
    report = pruner.report()
    if json:
        print_json({"output": None if output is None else str(output), "report": report.to_dict()})
    else:
        say(str(report))
        say("nothing is saved: a dry run" if output is None else f"wrote {output}")


def _export(model: nn.Module, inputs: tuple[Any, ...], output: Path) -> None:
    import torch

    from secateur.files import save_atomically

    buffer = io.BytesIO()
    torch.export.save(torch.export.export(model, inputs), buffer)
    save_atomically(output, buffer.getvalue())
