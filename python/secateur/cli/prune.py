"""`secateur prune`: a recipe applied to a network in one step, saved as an exported program."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

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


def command(
    model: ModelSpec,
    recipe: Annotated[Path, typer.Option("--recipe", help="Recipe, .toml or .json.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Where to save the pruned program (.pt2).", show_default=False),
    ],
    checkpoint: Checkpoint = None,
    input_shape: InputShape = None,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Prune a network by a recipe, at once and without training, and save it as a .pt2 file.

    Accuracy usually needs training after (or while) pruning: `secateur.prune.Pruner` does that in a
    training loop.

    Example: secateur prune mobilenet_v2 --recipe r.toml -o pruned.pt2, where r.toml holds the lines
    sparsity = 0.8, pattern = "4x1", scope = "uniform", skip_last = true
    """
    from secateur.prune import Pruner, Recipe

    output_path(output, ".pt2")
    wanted = Recipe.load(recipe)
    source = open_source(model, checkpoint, input_shape, trust=trust)
    pruner = Pruner(source.module, wanted, example_inputs=source.inputs)
    for _ in range(wanted.schedule.last + 1):
        pruner.step()
    pruned = pruner.finalize()

    import torch

    from secateur.files import save_atomically

    program = torch.export.export(pruned, source.inputs)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    save_atomically(output, buffer.getvalue())
    report = pruner.report()
    if json:
        print_json({"output": str(output), "report": report.to_dict()})
    else:
        say(str(report))
        say(f"wrote {output}")
