"""`secateur quantize`: calibrate a network for int8, and save what `secateur compile --quantize` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
from secateur.cli.onnx_inputs import Fix, State, onnx_inputs, pairs, takes_onnx
from secateur.errors import InvalidArgumentError


def command(
    model: ModelSpec,
    calibration: Annotated[
        str,
        typer.Option(
            "--calibration",
            help="Inputs to calibrate on: a .npy file, a .npz file with an array per input, or "
            "module:name (or file.py:name) of an iterable of batches, or of a function that gives it.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Where to save it (.json).", show_default=False)
    ],
    checkpoint: Checkpoint = None,
    input_shape: InputShape = None,
    trust: Trust = False,
    fix: Fix = None,
    state: State = None,
    method: Annotated[
        str, typer.Option("--method", help="minmax, percentile, mse, robust, or auto: the best of them.")
    ] = "auto",
    percentile: Annotated[float, typer.Option("--percentile", help="Of values kept in the range.")] = 99.99,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Batches to look at, at most.")] = 128,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", help="A layer to leave in f32 (* for any letters); repeatable."),
    ] = None,
    keep_outputs: Annotated[
        bool, typer.Option("--keep-outputs/--no-keep-outputs", help="Layers that make an output stay in f32.")
    ] = True,
    budget: Annotated[
        float,
        typer.Option(
            "--budget",
            help="The most that outputs may be off: layers stay in f32, worst first, until they are within.",
        ),
    ] = 0.1,
    sensitive: Annotated[
        bool, typer.Option("--sensitivity", help="Also measure what each layer costs by itself.")
    ] = False,
    json: Json = False,
) -> None:
    """Calibrate a network for int8 on real inputs; `secateur compile --quantize` then takes the description.

    Example: secateur quantize mobilenet_v2 --checkpoint w.pt --calibration images.npy -o q.json
    """
    import warnings

    import secateur as sct

    output_path(output, ".json")
    inputs = read_calibration(calibration)
    network: Any = model
    how: dict[str, Any] = {}
    if takes_onnx(model, checkpoint, fix, state):
        how = {"example_inputs": onnx_inputs(input_shape, fix), "states": pairs(state, "--state")}
    else:
        source = open_source(model, checkpoint, input_shape, trust=trust)
        network, how = source.program or source.module, {"example_inputs": source.inputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export's own deprecations are not the user's
        q = sct.quantize.static(
            network,
            inputs,
            **how,
            method=method,
            percentile=percentile,
            samples=samples,
            keep=keep or (),
            keep_outputs=keep_outputs,
            budget=budget,
        )
        q.save(output)
        rows = []
        if sensitive:
            rows = sct.quantize.sensitivity(network, read_calibration(calibration), quantization=q, **how)
    if json:
        layers = {name: vars(layer) for name, layer in q.layers.items()}
        costs = {row.name: row.error for row in rows}
        print_json(
            {
                "output": str(output),
                "method": q.method,
                "samples": q.samples,
                "expected_error": q.expected,
                "layers": layers,
                "sensitivity": costs,
            }
        )
        return
    for row in rows:
        say(f"  {row.name}: {row.error:.2%} of the output when it alone is in int8")
    say(f"{q}")
    say(f"wrote {output}")


def read_calibration(spec: str) -> Any:
    """A calibration set, from a file of arrays or by name. Raises InvalidArgumentError."""
    import numpy as np

    if spec.endswith((".npy", ".npz")):
        try:
            with open(spec, "rb") as file:
                found = np.load(file, allow_pickle=False)
                if isinstance(found, np.ndarray):
                    return found
                arrays = {name: found[name] for name in found.files}
        except Exception as error:  # an archive, and headers that are Python and parsed as such
            raise InvalidArgumentError(f"the calibration file {spec} cannot be read: {error}") from None
        if not arrays:
            raise InvalidArgumentError(f"the calibration file {spec} holds no array")
        return next(iter(arrays.values())) if len(arrays) == 1 else arrays
    if ":" not in spec:
        raise InvalidArgumentError(
            f"{spec!r} is no calibration set: give a .npy or .npz file, or module:name of batches"
        )
    from secateur.network import load_object

    found = load_object(spec)
    return found() if callable(found) else found
