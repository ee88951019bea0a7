"""An ONNX file -> a `Source`: read, checked, functions inlined, input shapes fixed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx.inliner
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from secateur.errors import InvalidArgumentError, ModelFileError, ModelNotFoundError, ShapeError, WeightError
from secateur.frontend.onnx.given import Given, by_name, fixed, settle
from secateur.frontend.onnx.model import Input, Kept, Source, operator_of, place_of, reads, subgraphs
from secateur.frontend.onnx.qdq import in_float32
from secateur.ir import DType

OLDEST, NEWEST = 9, 23  # opsets that are taken as they are
CONVERTED = 6  # the oldest that is brought to OLDEST first, by the package's own converter

# The arguments that are weights: what is infinite there is damage.
WEIGHTS = {
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "MatMul", "PRelu", "LSTM", "GRU", "RNN"), (1, 2, 3)),
    "BatchNormalization": (1, 2, 3, 4),
    **dict.fromkeys(("LayerNormalization", "InstanceNormalization", "GroupNormalization"), (1, 2)),
}


def read(
    path: str | os.PathLike[str] | ModelProto, given: Given = None, states: Mapping[str, str] | None = None
) -> Source:
    """The network in a file.

    given: example arrays or shapes, for all inputs in order or for some by name; a Python number becomes part
    of the network. states: input -> output that the next run finds in it.

    Raises ModelNotFoundError, ModelFileError, InvalidArgumentError, ShapeError, DTypeError, WeightError.
    """
    name = "model" if isinstance(path, ModelProto) else Path(path).stem
    model = ModelProto() if isinstance(path, ModelProto) else _load(Path(path))
    if isinstance(path, ModelProto):
        model.CopyFrom(path)
    model = _at_supported_opset(model)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    _check_domains(model)
    _sort(model)
    quantised = model
    model, stored = in_float32(model)
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    _check_weights(model, constants)
    values = [value for value in model.graph.input if value.name not in constants]
    names = [value.name for value in values]
    asked = by_name(given, names)
    inputs: list[Input] = []
    examples: list[NDArray[Any] | None] = []
    notes = stored.notes
    for value in values:
        if isinstance(asked.get(value.name), (bool, int, float)):
            constants[value.name] = fixed(value, asked[value.name])
            continue
        settled, example = settle(value, asked.get(value.name), notes)
        inputs.append(settled)
        examples.append(example)
        del value.type.tensor_type.shape.dim[:]
        for size in settled.shape:
            value.type.tensor_type.shape.dim.add().dim_value = size
    outputs = [value.name for value in model.graph.output]
    kept = [_kept(now, after, inputs, outputs, examples) for now, after in (states or {}).items()]
    held = {state.now.name for state in kept}
    passed = [(i, x) for i, x in zip(inputs, examples, strict=True) if i.name not in held]
    given_all = [x for _, x in passed if x is not None]
    return Source(
        name,
        model,
        opset,
        constants,
        [i for i, _ in passed],
        [output for output in outputs if output not in {state.next for state in kept}],
        given_all if len(given_all) == len(passed) else None,
        kept,
        notes,
        stored=stored,
        quantised=quantised if stored.tensors else None,
    )


def _load(path: Path) -> ModelProto:
    if not path.exists():
        raise ModelNotFoundError(f"no ONNX file at {path}")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # of the parser, whose own package is not ours to name
        raise ModelFileError(f"{path} is not an ONNX file: {str(error).splitlines()[0]}") from None
    if not model.ir_version or not model.HasField("graph") or not model.opset_import:
        raise ModelFileError(f"{path} is not an ONNX file: there is no network in it")
    for tensor in onnx.external_data_helper._get_all_tensors(model):
        if not onnx.external_data_helper.uses_external_data(tensor):
            continue
        where = next((e.value for e in tensor.external_data if e.key == "location"), "")
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(path.parent))
        except Exception as error:
            why = "it is not there" if not (path.parent / where).exists() else str(error).splitlines()[0]
            raise ModelFileError(
                f"{path} keeps the tensor {tensor.name!r} in the file {where!r} beside it, which cannot be "
                f"read: {why}; copy all files of the network together"
            ) from None
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]
    return model


def _at_supported_opset(model: ModelProto) -> ModelProto:
    own = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    if not own:
        raise ModelFileError("the network imports no opset of ONNX's own operators")
    if own[0] > NEWEST:
        raise ModelFileError(
            f"the network is of opset {own[0]}; this version reads {OLDEST} to {NEWEST}: export it with "
            f"opset_version={NEWEST}, or convert it (onnx.version_converter)"
        )
    if own[0] >= OLDEST:
        return model
    if own[0] < CONVERTED:
        raise ModelFileError(
            f"the network is of opset {own[0]}; this version reads {OLDEST} to {NEWEST}: export it anew"
        )
    try:
        return onnx.version_converter.convert_version(model, OLDEST)
    except Exception as error:
        raise ModelFileError(
            f"the network is of opset {own[0]}, and cannot be brought to {OLDEST}: "
            f"{str(error).splitlines()[0]}"
        ) from None


def _check_domains(model: ModelProto) -> None:
    """Raises ModelFileError that lists every operator of another domain."""
    found: dict[str, list[str]] = {}

    def look(nodes: Any) -> None:
        for node in nodes:
            if node.domain not in ("", "ai.onnx"):
                found.setdefault(operator_of(node), []).append(place_of(node))
            for body in subgraphs(node):
                look(body.node)

    look(model.graph.node)
    if found:
        parts = [
            f"{name} x{len(places)} at {', '.join(places[:3])}" + (", ..." if len(places) > 3 else "")
            for name, places in found.items()
        ]
        raise ModelFileError(
            f"{'; '.join(parts)}: operators of a domain of their own have no definition to compile; export "
            "the network with ONNX's operators alone"
        )


def _sort(model: ModelProto) -> None:
    """The nodes in an order in which each reads what stands before it. Raises ModelFileError where there is
    none, or where a value has no maker."""
    graph = model.graph
    known = {value.name for value in (*graph.input, *graph.initializer)}
    makers: dict[str, NodeProto] = {}
    for node in graph.node:
        for name in filter(None, node.output):
            if name in makers or name in known:
                raise ModelFileError(f"two nodes make {name!r}, the second is {place_of(node)}")
            makers[name] = node
    for node in graph.node:
        for name in reads(node):
            if name not in known and name not in makers:
                raise ModelFileError(
                    f"the node {place_of(node)} ({node.op_type}) reads {name!r}, which nothing makes"
                )
    for output in graph.output:
        if output.name not in known and output.name not in makers:
            raise ModelFileError(f"nothing makes the output {output.name!r}")
    ordered: list[NodeProto] = []
    waiting = list(graph.node)
    while waiting:
        ready, rest = [], []
        for node in waiting:
            if all(name in known for name in reads(node)):
                ready.append(node)
                known.update(filter(None, node.output))
            else:
                rest.append(node)
        if not ready:
            path = _circle(rest[0], makers, known)
            raise ModelFileError(f"the network is a circle: {' -> '.join(path)} read each other")
        ordered += ready
        waiting = rest
    if [id(node) for node in ordered] != [id(node) for node in graph.node]:
        copies = [NodeProto.FromString(node.SerializeToString()) for node in ordered]
        del graph.node[:]
        graph.node.extend(copies)


def _circle(node: NodeProto, makers: dict[str, NodeProto], known: set[str]) -> list[str]:
    path: list[str] = []
    while place_of(node) not in path:
        path.append(place_of(node))
        node = makers[next(name for name in reads(node) if name not in known)]
    return [*path[path.index(place_of(node)) :], place_of(node)]


def _check_weights(model: ModelProto, constants: dict[str, NDArray[Any]]) -> None:
    """Raises WeightError naming the tensors with NaN, and the weights that are infinite."""
    weights = {
        node.input[i]
        for node in model.graph.node
        for i in WEIGHTS.get(node.op_type, ())
        if i < len(node.input)
    }
    bad = []
    for name, array in constants.items():
        if array.dtype.kind != "f":
            continue
        wrong = ~np.isfinite(array) if name in weights else np.isnan(array)
        if wrong.any():
            bad.append(f"{name} holds {int(wrong.sum())} values that are NaN or infinite")
    if bad:
        raise WeightError("; ".join(bad))


def _kept(
    now: str, after: str, inputs: list[Input], outputs: list[str], examples: list[NDArray[Any] | None]
) -> Kept:
    at = next((i for i, held in enumerate(inputs) if held.name == now), None)
    if at is None or after not in outputs:
        missing = f"input {now!r}" if at is None else f"output {after!r}"
        raise InvalidArgumentError(
            f"states: the network has no {missing}; inputs: {', '.join(i.name for i in inputs)}; outputs: "
            f"{', '.join(outputs)}"
        )
    held, example = inputs[at], examples[at]
    if held.dtype is not DType.F32:
        raise ShapeError(f"the state {now!r} is {held.dtype}; what is kept is float32")
    first = np.zeros(held.shape, np.float32) if example is None else example
    return Kept(held, after, first)
