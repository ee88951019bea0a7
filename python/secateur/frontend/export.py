"""An nn.Module, a .pt2 file or an ExportedProgram -> a functional ATen graph with its constants."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind

from secateur.errors import (
    DTypeError,
    InvalidArgumentError,
    ModelFileError,
    ModelNotFoundError,
    ShapeError,
    UnsupportedOperatorError,
    WeightError,
)
from secateur.frontend.registry import HANDLERS

Model = torch.nn.Module | ExportedProgram | str | os.PathLike[str]
Inputs = torch.Tensor | Sequence[torch.Tensor] | None


@dataclass
class Source:
    """A functional graph, its constants by placeholder name, and what the user passes and receives."""

    program: ExportedProgram
    graph: torch.fx.Graph
    constants: dict[str, torch.Tensor]
    layers: dict[str, str]  # placeholder -> qualified name of the parameter
    inputs: list[torch.fx.Node]
    outputs: list[torch.fx.Node]
    name: str
    example_inputs: tuple[torch.Tensor, ...] | None


def check_inputs(inputs: Sequence[Any]) -> None:
    """Float32 tensors of fixed, positive size; raises DTypeError or ShapeError that names the input."""
    for i, x in enumerate(inputs):
        if not isinstance(x, torch.Tensor):
            raise InvalidArgumentError(f"example input {i} is a {type(x).__name__}, not a tensor")
        _check_input(f"input {i}", x.dtype, tuple(x.shape))


def _check_input(name: str, dtype: torch.dtype, shape: tuple[Any, ...]) -> None:
    if not dtype.is_floating_point:
        raise DTypeError(
            f"{name} is {str(dtype).removeprefix('torch.')}; inputs are float32. Integer inputs "
            "(token ids) are not supported: pass what the embedding layer returns"
        )
    if dtype != torch.float32:
        raise DTypeError(f"{name} is {str(dtype).removeprefix('torch.')}; inputs are float32")
    for dim, size in enumerate(shape):
        if not isinstance(size, int):
            raise ShapeError(f"{name} has a dynamic size in dimension {dim}; export it with fixed shapes")
        if size < 1:
            raise ShapeError(f"{name} has size {size} in dimension {dim}; every size is at least 1")
    if not 1 <= len(shape) <= 4:
        raise ShapeError(f"{name} has {len(shape)} dimensions; 1 to 4 are supported")


@contextmanager
def _evaluation_mode(model: torch.nn.Module) -> Iterator[None]:
    """model.eval() for the while; every submodule's own mode afterwards. Fused inference paths off."""
    modes = [(module, module.training) for module in model.modules()]
    fast = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, training in modes:
            module.training = training


def _trace(model: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> ExportedProgram:
    with _evaluation_mode(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.export.export(model, inputs)
        except Exception as error:
            first = str(error).strip().splitlines()
            reason = first[0] if first else type(error).__name__
            with torch.no_grad():
                try:
                    model(*inputs)
                except Exception as own:
                    raise InvalidArgumentError(
                        f"{type(model).__name__} does not run on the example inputs: {own}"
                    ) from own
            raise UnsupportedOperatorError(
                f"torch.export cannot trace {type(model).__name__}: {reason}"
            ) from error


def _open(path: Path) -> ExportedProgram:
    if not path.exists():
        raise ModelNotFoundError(f"no file stands at {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(str(path))
    except Exception as error:
        raise ModelFileError(f"{path} is not a program saved by torch.export.save: {error}") from error


def export(model: Model, inputs: Inputs) -> Source:
    """The functional graph of a model.

    `inputs` may be None for a .pt2 file or an ExportedProgram, which carry their shapes. Raises DTypeError,
    ShapeError, WeightError, UnsupportedOperatorError, ModelNotFoundError, ModelFileError.
    """
    examples: tuple[torch.Tensor, ...] | None = None
    if inputs is not None:
        examples = (inputs,) if isinstance(inputs, torch.Tensor) else tuple(inputs)
        check_inputs(examples)
    if isinstance(model, torch.nn.Module):
        if examples is None:
            raise InvalidArgumentError("an nn.Module is compiled with example inputs: compile(model, x)")
        check_weights(dict(model.named_parameters()), dict(model.named_buffers()))
        program = _trace(model, examples)
        name = type(model).__name__
    elif isinstance(model, ExportedProgram):
        program, name = model, "model"
    elif isinstance(model, (str, os.PathLike)):
        path = Path(model)
        program, name = _open(path), path.stem
    else:
        raise InvalidArgumentError(
            f"a model is an nn.Module, an ExportedProgram or a .pt2 file, not {type(model).__name__}"
        )
    check_weights(dict(program.named_parameters()), dict(program.named_buffers()))
    return functional(program, name, examples)


def check_weights(parameters: dict[str, Any], buffers: dict[str, Any]) -> None:
    """Raises WeightError naming every tensor that holds NaN or infinite values."""
    bad = []
    norms = {k: v for k, v in buffers.items() if k.endswith(("running_mean", "running_var"))}
    for name, tensor in (*parameters.items(), *norms.items()):
        if tensor is None or not tensor.is_floating_point():
            continue
        count = int(tensor.numel() - torch.isfinite(tensor).sum())
        if count:
            bad.append(f"{name} holds {count} values that are NaN or infinite")
    if bad:
        raise WeightError("; ".join(bad))


def functional(program: ExportedProgram, name: str, examples: tuple[torch.Tensor, ...] | None) -> Source:
    """In-place operators made functional, operators without a handler decomposed where torch knows how."""
    calls = list(program.graph.nodes)
    missing = {node.target for node in calls if _lacks_handler(node)}
    if missing or any(_writes(node) for node in calls):  # otherwise spare the half second that it takes
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = torch.export.default_decompositions()
            program = program.run_decompositions({op: table[op] for op in table if op in missing})
            missing = {node.target for node in program.graph.nodes if _lacks_handler(node)}
            chosen = {op: table[op] for op in table if op in missing}
            if chosen:  # operators that only appear once the graph is functional
                program = program.run_decompositions(chosen)
    if examples is None and program.example_inputs is not None:
        stored, _ = program.example_inputs
        if all(isinstance(x, torch.Tensor) for x in stored):
            examples = tuple(stored)
    constants: dict[str, torch.Tensor] = {}
    layers: dict[str, str] = {}
    inputs = []
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    for spec in program.graph_signature.input_specs:
        node = nodes[spec.arg.name]
        if spec.kind == InputKind.USER_INPUT:
            inputs.append(node)
        elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
            assert spec.target is not None
            held = program.state_dict.get(spec.target, program.constants.get(spec.target))
            constants[node.name] = held.detach()
            layers[node.name] = spec.target
        elif spec.kind == InputKind.CONSTANT_TENSOR:
            constants[node.name] = program.constants[spec.target].detach()
    for node in inputs:
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            raise InvalidArgumentError(f"input {node.name!r} is not a tensor")
        _check_input(f"input {node.name!r}", value.dtype, tuple(value.shape))
    made = {node.name: node for node in program.graph.nodes}
    outputs = []
    for output in program.graph_signature.output_specs:
        if output.kind != OutputKind.USER_OUTPUT:
            raise UnsupportedOperatorError(
                f"the model changes its {output.target or 'buffers'} while it runs"
            )
        if output.arg.name not in made:
            raise UnsupportedOperatorError("the model returns a constant or None")
        outputs.append(made[output.arg.name])
    return Source(program, program.graph, constants, layers, inputs, outputs, name, examples)


def _writes(node: torch.fx.Node) -> bool:
    """An operator that changes its argument in place."""
    schema = getattr(node.target, "_schema", None)
    return node.op == "call_function" and schema is not None and bool(schema.is_mutable)


def _lacks_handler(node: torch.fx.Node) -> bool:
    return node.op == "call_function" and str(node.target).removeprefix("aten.") not in HANDLERS
