"""An nn.Module, a .pt2 file or an ExportedProgram -> a functional ATen graph with its constants."""

from __future__ import annotations

import os
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind
from torch.nn.modules import transformer
from torch.utils import _pytree as pytree

from secateur.errors import (
    DTypeError,
    InvalidArgumentError,
    UnsupportedOperatorError,
    WeightError,
)
from secateur.frontend.common import Stored
from secateur.frontend.torch.archive import load_program
from secateur.frontend.torch.inputs import Inputs, arguments, check_input, refuse_merged
from secateur.frontend.torch.nodes import aten_name
from secateur.frontend.torch.qdq import in_float32, is_quantised
from secateur.frontend.torch.readers import READERS
from secateur.frontend.torch.shapes import shapes_of_recurrent_layers

Model = torch.nn.Module | ExportedProgram | str | os.PathLike[str]


@dataclass(frozen=True)
class Kept:
    """A buffer that the network changes while it runs: what the next run finds in it."""

    name: str
    now: torch.fx.Node
    next: torch.fx.Node
    first: torch.Tensor


@dataclass
class Source:
    """A functional graph, its constants by placeholder name, and what the user passes and receives.

    `example_inputs` are in the order of `inputs`; `structure` packs such a list into the call's positional
    and keyword arguments. `module` is the network that was exported, where it was given as one.
    """

    program: ExportedProgram
    graph: torch.fx.Graph
    constants: dict[str, torch.Tensor]
    layers: dict[str, str]  # placeholder -> qualified name of the parameter
    inputs: list[torch.fx.Node]
    outputs: list[torch.fx.Node]
    name: str
    example_inputs: tuple[torch.Tensor, ...] | None
    output_names: list[str]
    structure: pytree.TreeSpec
    module: torch.nn.Module | None = None
    states: list[Kept] = field(default_factory=list)  # `constants` holds their first values, too
    stored: Stored = field(default_factory=Stored)  # by the names of nodes
    quantised: ExportedProgram | None = None  # the program that came so

    def call(self, inputs: Sequence[torch.Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """(args, kwargs) of the call that hands over these inputs."""
        args, kwargs = pytree.tree_unflatten(list(inputs), self.structure)
        return args, kwargs


@contextmanager
def evaluation_mode(model: torch.nn.Module) -> Iterator[None]:
    """model.eval() for the while; every submodule's own mode afterwards. Fused inference paths and autocast
    off: what is compiled is the network in float32, whatever surrounds the call."""
    modes = [(module, module.training) for module in model.modules()]
    fast = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, training in modes:
            module.training = training


@contextmanager
def attributes_kept(model: torch.nn.Module) -> Iterator[None]:
    """Plain attributes of every submodule as they were, afterwards, and what is in their dictionaries and
    lists: a network that keeps what it computed (YOLO's anchors, position tables, LeViT's biases) would hold
    the tracer's tensors, which have no values; one that hooks its layers in its first run, do so twice."""
    before = [(module, dict(vars(module))) for module in model.modules()]
    plain = [
        (value, value.copy())
        for _, held in before
        for name, value in held.items()
        if type(value) in (dict, list, OrderedDict) and name not in ("_parameters", "_buffers", "_modules")
    ]
    try:
        yield
    finally:
        for value, kept in plain:
            if isinstance(value, dict):
                value.clear()
                value.update(kept)
            else:
                value[:] = kept
        for module, held in before:
            now = vars(module)
            for name in [name for name, value in now.items() if held.get(name, now) is not value]:
                del now[name]
            now.update(held)


@contextmanager
def masks_as_given() -> Iterator[None]:
    """nn.Transformer looks whether its mask is causal, by its values, to say so beside the mask: a tracer
    cannot follow, and the mask says it all."""
    before = transformer._detect_is_causal_mask
    transformer._detect_is_causal_mask = lambda mask, is_causal=None, size=None: is_causal is True
    try:
        yield
    finally:
        transformer._detect_is_causal_mask = before


def _trace(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ExportedProgram:
    with evaluation_mode(model), attributes_kept(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with shapes_of_recurrent_layers(), masks_as_given():
                return torch.export.export(model, args, kwargs)
        except Exception as error:
            first = str(error).strip().splitlines()
            reason = first[0] if first else type(error).__name__
            with torch.no_grad():
                try:
                    model(*args, **kwargs)
                except Exception as own:
                    raise InvalidArgumentError(
                        f"{type(model).__name__} does not run on the example inputs: {own}"
                    ) from own
            raise UnsupportedOperatorError(
                f"torch.export cannot trace {type(model).__name__}: {reason}"
            ) from error


def export(model: Model, inputs: Inputs, *, trust: bool = False) -> Source:
    """The functional graph of a model.

    `inputs` may be None for a .pt2 file or an ExportedProgram, which carry their shapes.
    `trust` loads a .pt2 file even where that may run its author's code (archive.py). Raises DTypeError,
    ShapeError, WeightError, UnsupportedOperatorError, ModelNotFoundError, ModelFileError.
    """
    given = None if inputs is None else arguments(inputs)
    module = None
    if isinstance(model, torch.nn.Module):
        if given is None:
            raise InvalidArgumentError("an nn.Module is compiled with example inputs: compile(model, x)")
        check_weights(dict(model.named_parameters()), dict(model.named_buffers()))
        program, name, module = _trace(model, *given), type(model).__name__, model
    elif isinstance(model, ExportedProgram):
        program, name = model, "model"
    elif isinstance(model, (str, os.PathLike)):
        path = Path(model)
        program, name = load_program(path, trust=trust), path.stem
    else:
        raise InvalidArgumentError(
            f"a model is an nn.Module, an ExportedProgram or a .pt2 file, not {type(model).__name__}"
        )
    came, stored = program, Stored()
    if quantised := is_quantised(program):
        program, stored = in_float32(program)
    check_weights(dict(program.named_parameters()), dict(program.named_buffers()))
    source = functional(program, name, given)
    source.stored = stored
    source.module, source.quantised = (None, came) if quantised else (module, None)
    return source


_HALVES = (torch.float16, torch.bfloat16)


def check_weights(parameters: dict[str, Any], buffers: dict[str, Any]) -> None:
    """Raises WeightError naming every tensor that holds NaN or infinite values, and DTypeError for weights
    that are not float32."""
    other = {name: p.dtype for name, p in parameters.items() if p.is_floating_point()}
    other |= {name: b.dtype for name, b in buffers.items() if b is not None and b.dtype in _HALVES}
    other = {name: dtype for name, dtype in other.items() if dtype != torch.float32}
    if other:
        name, dtype = next(iter(other.items()))
        more = f" (and {len(other) - 1} more)" if len(other) > 1 else ""
        raise DTypeError(
            f"the weight {name!r} is {str(dtype).removeprefix('torch.')}{more}; what is compiled computes in "
            "float32: compile(model.float(), x)"
        )
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


def functional(
    program: ExportedProgram, name: str, given: tuple[tuple[Any, ...], dict[str, Any]] | None
) -> Source:
    """In-place operators made functional, operators without a reader decomposed where torch knows how."""
    calls = list(program.graph.nodes)
    missing = {node.target for node in calls if _lacks_reader(node)}
    if missing or any(_writes(node) for node in calls):  # otherwise spare the half second that it takes
        with shapes_of_recurrent_layers(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = torch.export.default_decompositions()
            program = program.run_decompositions({op: table[op] for op in table if op in missing})
            missing = {node.target for node in program.graph.nodes if _lacks_reader(node)}
            chosen = {op: table[op] for op in table if op in missing}
            if chosen:  # operators that only appear once the graph is functional
                program = program.run_decompositions(chosen)
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
        check_input(f"input {node.name!r}", value.dtype, tuple(value.shape), integers=True)
    examples = _examples(program, inputs, given)
    made = {node.name: node for node in program.graph.nodes}
    outputs = []
    kept = []
    returned, places = 0, []
    placeholders = {target: nodes[name] for name, target in layers.items()}
    for output in program.graph_signature.output_specs:
        if (output.target or "").endswith(("running_mean", "running_var")):
            raise UnsupportedOperatorError(
                f"the model changes {output.target} while it runs: export it after model.eval()"
            )
        if output.kind == OutputKind.BUFFER_MUTATION and output.target in placeholders:
            now = placeholders[output.target]
            kept.append(Kept(output.target, now, made[output.arg.name], constants[now.name].clone()))
            continue
        if output.kind != OutputKind.USER_OUTPUT:
            raise UnsupportedOperatorError(
                f"the model changes its {output.target or 'buffers'} while it runs"
            )
        returned += 1
        if isinstance(output.arg, ConstantArgument) or output.arg.name not in made:  # None, or a plain number
            continue
        outputs.append(made[output.arg.name])
        places.append(returned - 1)
    if not outputs:
        raise UnsupportedOperatorError("the model returns no tensor, but None or numbers alone")
    states = _that_matter(kept, outputs)
    for state in states:
        check_input(
            f"buffer {state.name!r}, which the model changes while it runs,",
            state.first.dtype,
            tuple(state.first.shape),
        )
    return Source(
        program,
        program.graph,
        constants,
        layers,
        inputs,
        outputs,
        name,
        examples,
        output_names(program.call_spec.out_spec, places),
        program.call_spec.in_spec,
        states=states,
    )


def depends_on(nodes: Iterable[torch.fx.Node]) -> set[torch.fx.Node]:
    """These nodes and all that they are computed from."""
    found: set[torch.fx.Node] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(node.all_input_nodes)
    return found


def _that_matter(kept: Sequence[Kept], outputs: Sequence[torch.fx.Node]) -> list[Kept]:
    """Without those that no output ever depends on, such as counters of calls."""
    chosen: list[Kept] = []
    while True:
        live = depends_on([*outputs, *(state.next for state in chosen)])
        more = [state for state in kept if state.now in live]
        if len(more) == len(chosen):
            return more
        chosen = more


def _examples(
    program: ExportedProgram,
    inputs: Sequence[torch.fx.Node],
    given: tuple[tuple[Any, ...], dict[str, Any]] | None,
) -> tuple[torch.Tensor, ...] | None:
    """The examples in the order of the inputs: those given, else those that the program carries."""
    if program.example_inputs is not None:
        stored = pytree.tree_leaves(program.example_inputs)
        if len(stored) == len(inputs):
            refuse_merged([node.name for node in inputs], [bool(node.users) for node in inputs], stored)
        if given is None and all(isinstance(x, torch.Tensor) for x in stored):
            return tuple(pytree.tree_leaves(arguments(stored)[0]))
    if given is None:
        return None
    leaves, structure = pytree.tree_flatten(given)
    if len(leaves) != len(inputs) or (given[1] and structure != program.call_spec.in_spec):
        raise InvalidArgumentError(
            f"the program takes {len(inputs)} inputs as {program.call_spec.in_spec}; "
            f"{len(leaves)} are given as {structure}"
        )
    return tuple(leaves)


def output_names(structure: pytree.TreeSpec | None, places: Sequence[int]) -> list[str]:
    """What the outputs are called: by the keys under which the network returns them, else by number.
    places: which of all that it returns are tensors; None and plain numbers have no name.

    >>> output_names(pytree.tree_structure({"boxes": 0, "scores": [0, 0]}), [0, 1, 2])
    ['boxes', 'scores.0', 'scores.1']
    >>> output_names(pytree.tree_structure((0, 0)), [0, 1]), output_names(pytree.tree_structure(0), [0])
    (['output_0', 'output_1'], ['output'])
    """
    count = len(places)
    names = ["output"] if count == 1 else [f"output_{i}" for i in range(count)]
    if structure is None or structure.num_leaves <= max(places):
        return names
    leaves = list(range(structure.num_leaves))
    paths = pytree.tree_flatten_with_path(pytree.tree_unflatten(leaves, structure))[0]
    for i, (path, _) in enumerate(paths[place] for place in places):
        if any(not isinstance(key, pytree.SequenceKey) for key in path):
            parts = (str(next(getattr(k, a) for a in ("key", "name", "idx") if hasattr(k, a))) for k in path)
            names[i] = ".".join(parts)
    return names if len(set(names)) == count else [f"output_{i}" for i in range(count)]


def _writes(node: torch.fx.Node) -> bool:
    """An operator that changes its argument in place."""
    schema = getattr(node.target, "_schema", None)
    return node.op == "call_function" and schema is not None and bool(schema.is_mutable)


def _lacks_reader(node: torch.fx.Node) -> bool:
    return node.op == "call_function" and aten_name(node.target) not in READERS
