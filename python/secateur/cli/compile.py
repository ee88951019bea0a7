"""`secateur compile`: a network to a model file."""

from __future__ import annotations

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
    size,
)
from secateur.cli.onnx_inputs import Fix, State, onnx_inputs, pairs, takes_onnx
from secateur.cli.remote import target_named


def command(
    model: ModelSpec,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Where to save the model file (.sct).", show_default=False)
    ],
    checkpoint: Checkpoint = None,
    input_shape: InputShape = None,
    trust: Trust = False,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="What to choose formats for: raspberry-pi-4, ..., a device's name, or a profile (.json).",
        ),
    ] = None,
    quantize: Annotated[
        Path | None,
        typer.Option("--quantize", help="Run in int8 by this description (.json), of secateur quantize."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="How weights of f32 layers are stored: float32, float16 or int8."),
    ] = None,
    dtype: Annotated[
        str,
        typer.Option("--dtype", help="What layers compute with: float32, or float16 (Cortex-A76 and later)."),
    ] = "float32",
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="A text file with a line for each class, kept in the model."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", help="KEY=VALUE kept in the model; numbers may be a list: mean=0.5,0.5."),
    ] = None,
    fix: Fix = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Compile a network; weights that are exactly zero become sparsity. The result is checked against
    PyTorch (an ONNX file against onnxruntime, where it is installed) on the example inputs before it is
    written.

    Example: secateur compile pruned.pt2 -o model.sct --weights int8
    """
    import warnings
    from functools import partial

    import secateur as sct
    from secateur.cli.metadata import said_of_model
    from secateur.emit.metadata import checked
    from secateur.network import RANDOM_WEIGHTS
    from secateur.passes import Quantization, check_dtype, core_for, storing

    output_path(output, ".sct")
    target = target_named(target)
    core_for(target)  # refuses a bad name before anything is loaded
    storing(weights or "float32")
    check_dtype(dtype, quantized=quantize is not None, weights=weights)
    description = None if quantize is None else Quantization.load(quantize)
    kept = checked(said_of_model(metadata, labels))
    compiled = partial(
        sct.compile, target=target, quantize=description, weights=weights, dtype=dtype, metadata=kept
    )
    if takes_onnx(model, checkpoint, fix, state):
        program = compiled(model, onnx_inputs(input_shape, fix), states=pairs(state, "--state"))
        random = ""
    else:
        source = open_source(model, checkpoint, input_shape, trust=trust)
        random = source.name if source.weights == RANDOM_WEIGHTS else ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.export's own deprecations are not the user's
            program = compiled(source.program or source.module, source.inputs, name=source.name)
    program.save(output)
    if random:
        typer.echo(f"note: {random} has {RANDOM_WEIGHTS}; --checkpoint loads trained ones", err=True)
    if json:
        print_json(
            {
                "output": str(output),
                "file_bytes": program.file_bytes,
                "sparsity": program.sparsity,
                "layers": len(program.layers),
                "arena_bytes": program.arena_bytes,
                "report": program.report,
            }
        )
        return
    for line in program.report:
        say(f"  {line}")
    say(
        f"wrote {output}: {len(program.layers)} layers, {program.sparsity:.1%} zeros, "
        f"{size(program.file_bytes)}"
    )
