"""`secateur.compile`: a PyTorch network with zeros in it -> a model file.

    export -> lower -> passes -> memory plan -> bytes -> run and compare

The result is run on the example inputs and compared with the source before it is handed over; when it is
off, the layer or the pass that is to blame is searched for and named.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from secateur.emit import checked, emit
from secateur.errors import InvalidArgumentError
from secateur.network import open_network
from secateur.passes import QUAD, Quantization, check_dtype, core_for, description, optimise, storing
from secateur.program import Program
from secateur.verify import beside_quantised, verify_compiled, verify_stored

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram


def compile(
    model: torch.nn.Module | ExportedProgram | str | os.PathLike[str],
    example_inputs: torch.Tensor | Sequence[Any] | Mapping[str, Any] | None = None,
    *,
    target: str | os.PathLike[str] | None = None,
    name: str | None = None,
    quantize: Quantization | None = None,
    weights: str | None = None,
    dtype: str = "float32",
    verify: bool = True,
    allow_empty: bool = False,
    trust: bool = False,
    states: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Program:
    """Compiles a network for the runtime.

    model: an `nn.Module` (compiled as in ``eval()``; its modes are left alone), an `ExportedProgram`, or
    the path of
        a ``.pt2`` or an ``.onnx`` file, or an `onnx.ModelProto`. Pruned weights are exact
        zeros; nothing else marks them.
    example_inputs: a float32 tensor (numbers of tokens: int32 or int64), a tuple of them, or a dictionary of
    them by keyword; tuples and dictionaries may nest.
        Their shapes are the shapes that the program takes, in this order; they are copied, so that two
        inputs may be one tensor here. Optional for exported programs, which carry theirs, and for ONNX files,
        where arrays, shapes, or a dictionary of them by input do as well, and a Python number fixes an input
        (docs/onnx.md).
    target: the device to choose formats for ("raspberry-pi-4", "cortex-a76", ...), or the path of a machine
    profile (.json) that `secateur tune` wrote there: layers of shapes that it measured are chosen by their
    times; by default this machine.
    name: of the model in the file; by default the class's name.
    quantize: what `secateur.quantize.static` found of this network: its layers run in int8, but those that
    the description keeps in f32 and operators that have no int8 form.
    weights: how the weights of layers that compute in f32 are stored, "float32", "float16", or "int8" with a
    scale for each row; they are decoded when the file is opened. By default as they are, beside int8 layers
    "int8".
    dtype: what layers compute with, "float32", or "float16": tensors between layers, weights and, on CPUs
    that have it (Cortex-A76 and later), the arithmetic are f16, without calibration (docs/quantization.md).
    Inputs and outputs stay float32.
    verify: run the result on the example inputs and on fresh ones of their shapes, and compare it with
    the network itself; of int8 layers every bit with their definition.
    allow_empty: take layers whose weights are all zero.
    trust: load a ``.pt2`` file even where it holds what may run code of its author's. Without it such
    files are refused.
    states: of an ONNX file, the inputs that hold in each run what an output gave in the run before: {input:
    output}. Its examples give what the first run reads, by default zeros.
    metadata: what the file keeps for whoever runs it, under keys: a text, a number (as float), or a list of
    either. The runtime reads none of it; `Session.metadata` and C's `sct_model_metadata` hand it out. By
    convention "labels" are the classes' names, "mean" and "std" of each channel how an input is made. At most
    256 keys and 1 MiB.

    Raises UnsupportedOperatorError (naming every operator), ShapeError, DTypeError, WeightError,
    MismatchError (naming the layer), InvalidArgumentError.

    >>> import torch, secateur as sct
    >>> layer = torch.nn.Linear(8, 4)
    >>> program = sct.compile(layer, torch.ones(1, 8))
    >>> [(row.name, row.op, row.output_shape) for row in program.layers]
    [('linear', 'Conv', (1, 4, 1, 1))]
    """
    core = core_for(target)
    if quantize is not None and not isinstance(quantize, Quantization):
        raise InvalidArgumentError(
            f"quantize is what secateur.quantize.static returns, not {type(quantize).__name__}"
        )
    said_of_it = checked(metadata)
    check_dtype(dtype, quantized=quantize is not None, weights=weights)
    given = weights
    if weights is None:
        weights = dtype if quantize is None else "int8"
    storing(weights)  # refuses a bad name before anything is traced
    oracle = open_network(model, example_inputs, trust=trust, states=states)
    graph = oracle.lower(allow_empty=allow_empty)
    graph.metadata = said_of_it
    if name is not None:
        graph.name = oracle.name = name
    if oracle.tensor_scales:
        if quantize is not None or dtype != "float32":
            raise InvalidArgumentError(f"{oracle.name} came quantised: it is compiled by its own scales")
        quantize = description(graph, core, oracle.tensor_scales, oracle.row_scales)
        weights = "int8" if weights == "float32" and given is None else weights
    plain = copy.deepcopy(graph) if verify and (quantize is not None or weights != "float32") else None
    report = [*oracle.notes, *optimise(graph, core, quantize, weights, dtype=dtype)]
    emitted = emit(graph)
    report.append(
        f"memory_plan: {emitted.plan.peak} bytes for activations, {emitted.plan.total} without sharing"
    )
    program = Program(graph, emitted, report)
    if plain is not None:
        optimise(plain, core, unit=1 if quantize is None else QUAD)  # the channels of the other
        verify_compiled(emit(plain).data, plain, oracle, core, allow_empty=allow_empty)
        report.append(verify_stored(program.to_bytes(), graph, plain, oracle, quantize))
        if said := beside_quantised(program.to_bytes(), oracle):
            report.append(said)
    elif verify:
        verify_compiled(program.to_bytes(), graph, oracle, core, allow_empty=allow_empty)
    return program
