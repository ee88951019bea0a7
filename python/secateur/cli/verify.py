"""`secateur verify`: whether a model file computes what its source computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from secateur.cli.onnx_inputs import Fix, State, onnx_inputs, pairs, takes_onnx
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
            "--against",
            metavar="MODEL",
            help="The source: .pt2, ONNX file, factory or zoo network.",
            show_default=False,
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
    fix: Fix = None,
    state: State = None,
    device: remote.DeviceName = None,
    runner: Runner = None,
    json: Json = False,
) -> None:
    """Compare a model file with its source on example inputs and on random ones: with PyTorch, or of an ONNX
    file with onnxruntime (where that is missing, with the onnx package's definitions); with --device what a
    device computes with what this machine does, int8 to the bit.

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
    import secateur as sct
    from secateur.bench.harness import compare_outputs
    from secateur.deploy.predict import distance

    if takes_onnx(against, checkpoint, fix, state):
        found = _of_onnx(against, onnx_inputs(input_shape, fix), pairs(state, "--state"), samples)
    else:
        found = _of_torch(against, checkpoint, input_shape, trust, samples)
    with sct.Session(model, threads=threads, limits=limits_of(no_limits)) as session:
        worst, allowed, wrong = 0.0, 0.0, ""
        fewer = narrow(session.layers)
        count = 0
        for arrays, wanted in found:
            count += 1
            session.reset()
            result = session.run(*arrays)
            outputs = list(result) if isinstance(result, tuple) else [result]
            error, tolerance, reason = compare_outputs(outputs, wanted)
            same_shapes = [y.shape for y in outputs] == [y.shape for y in wanted]
            if fewer and same_shapes:
                error, tolerance = distance(outputs, wanted), within
                far = not error <= within  # NaN is, too
                reason = f"is {error:.1%} from what it should be, allowed is {within:.1%}" if far else ""
            if error >= worst:
                worst, allowed = error, tolerance
            wrong = wrong or reason
    if json:
        kind = "relative_rms_err" if fewer else "max_abs_err"
        print_json({"matches": not wrong, kind: worst, "tolerance": allowed, "inputs": count})
    if wrong:
        raise MismatchError(f"{model} is not {against}: its output {wrong}")
    if fewer and not json:
        say(
            f"{model} has int8 layers or narrow weights: its outputs are {worst:.2%} from those of {against} "
            f"(root mean square, largest of {count} inputs), allowed {allowed:.0%}"
        )
    elif not json:
        say(
            f"{model} computes what {against} does: largest difference {worst:.2g} "
            f"over {count} inputs, allowed {allowed:.2g}"
        )


def _of_torch(
    spec: str, checkpoint: str | None, input_shape: Sequence[str] | None, trust: bool, samples: int
) -> Iterator[tuple[Any, Any]]:
    """(inputs, PyTorch's outputs) of the network's examples and of inputs like them."""
    from secateur.bench.workload import arrays_of, reference_outputs
    from secateur.frontend.torch.inputs import fresh

    source = open_source(spec, checkpoint, input_shape, trust=trust)
    for i in range(samples):
        arrays = arrays_of(fresh(source.inputs, seed=i) if i else source.inputs)
        yield arrays, reference_outputs(source.module, arrays)


def _of_onnx(path: str, inputs: Any, states: dict[str, str], samples: int) -> Iterator[tuple[Any, Any]]:
    """(inputs, onnxruntime's outputs) of random inputs and of their values in other orders; states begin
    with their first values in each."""
    import numpy as np

    from secateur.network import open_network

    oracle = open_network(path, inputs, states=states)
    oracle.lower()  # which says how many rows the tables have that read numbers
    examples = oracle.examples()
    assert examples is not None
    generator = np.random.default_rng(1)
    for i in range(samples):
        arrays = [generator.permuted(x.reshape(-1)).reshape(x.shape) if i else x for x in examples]
        yield arrays, oracle.itself(arrays) or oracle.exported(arrays)
