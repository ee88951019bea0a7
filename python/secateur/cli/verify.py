"""`secateur verify`: whether a model file computes what its source computes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
from secateur.errors import MismatchError


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL.sct", help="A model file.", show_default=False)],
    against: Annotated[
        str,
        typer.Option(
            "--against", metavar="MODEL", help="The source: .pt2, factory or zoo network.", show_default=False
        ),
    ],
    checkpoint: Checkpoint = None,
    input_shape: InputShape = None,
    trust: Trust = False,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Random inputs to compare on.")] = 4,
    threads: Threads = 1,
    no_limits: NoLimits = False,
    json: Json = False,
) -> None:
    """Compare a model file with PyTorch, on the source's example inputs and on random ones.

    Example: secateur verify model.sct --against pruned.pt2
    """
    import numpy as np

    import secateur as sct
    from secateur.bench.harness import compare_outputs
    from secateur.bench.workload import reference_outputs
    from secateur.network import random_inputs

    with sct.Session(model, threads=threads, limits=limits_of(no_limits)) as session:
        source = open_source(against, checkpoint, input_shape, trust=trust)
        shapes = [tuple(x.shape) for x in source.inputs]
        batches = [source.inputs, *(random_inputs(shapes, seed=1 + i) for i in range(samples - 1))]
        worst, allowed, wrong = 0.0, 0.0, ""
        for tensors in batches:
            arrays = tuple(np.ascontiguousarray(x.numpy(), dtype=np.float32) for x in tensors)
            result = session.run(*arrays)
            outputs = list(result) if isinstance(result, tuple) else [result]
            error, tolerance, reason = compare_outputs(outputs, reference_outputs(source.module, arrays))
            if error >= worst:
                worst, allowed = error, tolerance
            wrong = wrong or reason
    if json:
        print_json({"matches": not wrong, "max_abs_err": worst, "tolerance": allowed, "inputs": len(batches)})
    if wrong:
        raise MismatchError(f"{model} is not {against}: its output {wrong}")
    if not json:
        say(
            f"{model} computes what {against} does: largest difference {worst:.2g} "
            f"over {len(batches)} inputs, allowed {allowed:.2g}"
        )
