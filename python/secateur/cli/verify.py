"""`secateur verify`: whether a model file computes what its source computes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from secateur.cli import remote
from secateur.cli.common import (
    Checkpoint,
    InputShape,
    Json,
    NoLimits,
    Threads,
    Trust,
    limits_of,
    open_source,
    print_json,
    say,
)
from secateur.cli.devices import Runner
from secateur.errors import InvalidArgumentError, MismatchError

# Two networks that have nothing to do with each other differ by some 140%.
NARROW_WITHIN = 0.5


def narrow(layers: list[dict[str, Any]]) -> bool:
    """Whether a file computes in int8, or holds weights in fewer bytes than f32."""
    return any(row["dtype"] == "i8" or row["weight_bits"] in (8, 16) for row in layers)


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL.sct", help="A model file.", show_default=False)],
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="MODEL", help="The source: .pt2, factory or zoo network.", show_default=False
        ),
    ] = None,
    checkpoint: Checkpoint = None,
    input_shape: InputShape = None,
    trust: Trust = False,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Random inputs to compare on.")] = 4,
    threads: Threads = 1,
    within: Annotated[
        float,
        typer.Option(
            "--within",
            min=0.0,
            help="Of files with int8 layers or narrow weights: the largest root mean square of the "
            "difference, relative to that of the outputs.",
        ),
    ] = NARROW_WITHIN,
    no_limits: NoLimits = False,
    device: remote.DeviceName = None,
    runner: Runner = None,
    json: Json = False,
) -> None:
    """Compare a model file with PyTorch, on the source's example inputs and on random ones; with --device
    what a device computes with what this machine does, int8 to the bit.

    Example: secateur verify model.sct --against pruned.pt2
    """
    if device is not None:
        if against is not None:
            raise InvalidArgumentError(
                "--device compares with this machine, --against this machine with PyTorch: one at a time"
            )
        remote.verify(
            device, model, runner=runner, samples=samples, threads=threads, no_limits=no_limits, json=json
        )
        return
    if against is None:
        raise InvalidArgumentError("what should it be compared with? --against MODEL, or --device NAME")
    import numpy as np

    import secateur as sct
    from secateur.bench.harness import compare_outputs
    from secateur.bench.workload import reference_outputs
    from secateur.deploy.predict import distance
    from secateur.network import random_inputs

    with sct.Session(model, threads=threads, limits=limits_of(no_limits)) as session:
        source = open_source(against, checkpoint, input_shape, trust=trust)
        shapes = [tuple(x.shape) for x in source.inputs]
        batches = [source.inputs, *(random_inputs(shapes, seed=1 + i) for i in range(samples - 1))]
        worst, allowed, wrong = 0.0, 0.0, ""
        fewer = narrow(session.layers)
        for tensors in batches:
            arrays = tuple(np.ascontiguousarray(x.numpy(), dtype=np.float32) for x in tensors)
            result = session.run(*arrays)
            outputs = list(result) if isinstance(result, tuple) else [result]
            wanted = reference_outputs(source.module, arrays)
            error, tolerance, reason = compare_outputs(outputs, wanted)
            same_shapes = [y.shape for y in outputs] == [y.shape for y in wanted]
            if fewer and same_shapes:
                error, tolerance = distance(outputs, wanted), within
                far = not error <= within  # NaN is, too
                reason = f"is {error:.1%} from PyTorch's, allowed is {within:.1%}" if far else ""
            if error >= worst:
                worst, allowed = error, tolerance
            wrong = wrong or reason
    if json:
        kind = "relative_rms_err" if fewer else "max_abs_err"
        print_json({"matches": not wrong, kind: worst, "tolerance": allowed, "inputs": len(batches)})
    if wrong:
        raise MismatchError(f"{model} is not {against}: its output {wrong}")
    if fewer and not json:
        say(
            f"{model} has int8 layers or narrow weights: its outputs are {worst:.2%} from those of {against} "
            f"(root mean square, largest of {len(batches)} inputs), allowed {allowed:.0%}"
        )
    elif not json:
        say(
            f"{model} computes what {against} does: largest difference {worst:.2g} "
            f"over {len(batches)} inputs, allowed {allowed:.2g}"
        )
