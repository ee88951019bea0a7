"""`secateur.compile`: a PyTorch network with zeros in it -> a model file.

    export -> lower -> passes -> memory plan -> bytes -> run and compare

The result is run on the example inputs and compared with the source before it is handed over; when it is
off, the layer or the pass that is to blame is searched for and named.
"""

from __future__ import annotations

import copy
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur import _core
from secateur.emit import emit, first_difference
from secateur.emit.cross_check import UNIT, agree, bound
from secateur.errors import InvalidArgumentError, MismatchError
from secateur.frontend import Source, evaluation_mode, export, fresh, lower
from secateur.ir import OPERATORS, Graph
from secateur.ir.reference import run_graph
from secateur.passes import FINAL_PASSES, GRAPH_PASSES, Core, core_for, optimise, run_passes
from secateur.program import Program

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

Arrays = list[NDArray[np.float32]]

# Roundings of independent layers add up like a random walk; this many standard deviations are taken as
# normal.
WALK_FACTOR = 16.0
# How much further from the exact (float64) result than PyTorch's own float32 the compiled network may be.
YARDSTICK_FACTOR = 8.0


def compile(
    model: torch.nn.Module | ExportedProgram | str | os.PathLike[str],
    example_inputs: torch.Tensor | Sequence[Any] | Mapping[str, Any] | None = None,
    *,
    target: str | None = None,
    name: str | None = None,
    verify: bool = True,
    allow_empty: bool = False,
    trust: bool = False,
) -> Program:
    """Compiles a network for the runtime.

    model: an `nn.Module` (compiled as in ``eval()``; its modes are left alone), an `ExportedProgram`, or
    the path of
        a ``.pt2`` file. Pruned weights are exact zeros; nothing else marks them.
    example_inputs: a float32 tensor, a tuple of them, or a dictionary of them by keyword; tuples and
    dictionaries may nest.
        Their shapes are the shapes that the program takes, in this order; they are copied, so that two
        inputs may be one tensor here. Optional for exported programs, which carry theirs.
    target: the device to choose formats for ("raspberry-pi-4", "cortex-a76", ...); by default this machine.
    name: of the model in the file; by default the class's name.
    verify: run the result on the example inputs and on fresh ones of their shapes, and compare it with
    the network itself.
    allow_empty: take layers whose weights are all zero.
    trust: load a ``.pt2`` file even where it holds what may run code of its author's. Without it such
    files are refused.

    Raises UnsupportedOperatorError (naming every operator), ShapeError, DTypeError, WeightError,
    MismatchError (naming the layer), InvalidArgumentError.

    >>> import torch, secateur as sct
    >>> layer = torch.nn.Linear(8, 4)
    >>> program = sct.compile(layer, torch.ones(1, 8))
    >>> [(row.name, row.op, row.output_shape) for row in program.layers]
    [('linear', 'Conv', (1, 4, 1, 1))]
    """
    core = core_for(target)
    source = export(model, example_inputs, trust=trust)
    if name is not None:
        source.name = name
    graph = lower(source, allow_empty=allow_empty)
    report = optimise(graph, core)
    emitted = emit(graph)
    report.append(
        f"memory_plan: {emitted.plan.peak} bytes for activations, {emitted.plan.total} without sharing"
    )
    program = Program(graph, emitted, report)
    if verify:
        _verify(program, source, core, allow_empty)
    return program


# --- comparison with the source ------------------------------------------------------------------------


def expected_outputs(source: Source, inputs: Sequence[torch.Tensor]) -> Arrays:
    """What the exported program computes in PyTorch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _call(source.program.module(), source, inputs)


def module_outputs(source: Source, inputs: Sequence[torch.Tensor]) -> Arrays | None:
    """What the network itself computes, not its export; None where there is only the export."""
    if source.module is None:
        return None
    with evaluation_mode(source.module):
        return _call(source.module, source, inputs)


def _call(module: Callable[..., Any], source: Source, inputs: Sequence[torch.Tensor]) -> Arrays:
    import torch

    args, kwargs = source.call([x.clone() for x in inputs])
    with torch.no_grad():
        result: Any = module(*args, **kwargs)
    leaves = torch.utils._pytree.tree_leaves(result)
    return [leaf.detach().contiguous().numpy() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def exact_outputs(source: Source, inputs: Arrays) -> list[NDArray[Any]] | None:
    """What PyTorch computes in float64 with the same weights; None where the graph insists on float32."""
    import torch

    def double(x: torch.Tensor) -> torch.Tensor:
        return x.double() if x.is_floating_point() else x

    user = {node.name: torch.from_numpy(x).double() for node, x in zip(source.inputs, inputs, strict=True)}
    constants = {name: double(x) for name, x in source.constants.items()}
    module = source.program.graph_module
    arguments = [{**constants, **user}[n.name] for n in module.graph.nodes if n.op == "placeholder"]
    try:
        with torch.no_grad():
            result = torch.fx.Interpreter(module).run(*arguments)
    except RuntimeError:
        return None
    leaves = torch.utils._pytree.tree_leaves(result)
    return [leaf.detach().double().numpy() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def tolerance(graph: Graph, y: NDArray[Any]) -> float:
    """The error that is taken as rounding without a second look.

    Every layer of K terms adds a relative error of some sqrt(K) 2^-24, independent of the others': together
    ``sqrt(sum K) 2^-24`` of the output's largest magnitude, times WALK_FACTOR.
    """
    total = sum(OPERATORS[op.kind].terms(op) for op in graph.ops)
    finite = np.abs(y[np.isfinite(y)])
    return WALK_FACTOR * UNIT * math.sqrt(max(total, 1)) * float(finite.max(initial=0.0)) + 1e-30


def _verify(program: Program, source: Source, core: Core, allow_empty: bool) -> None:
    """On the examples, and on fresh inputs: what was taken from the examples' values shows on others."""
    if source.example_inputs is None:
        raise InvalidArgumentError("verification needs example inputs: pass them, or verify=False")
    session = _core.Session(_core.Model(program.to_bytes(), limits=_core.NO_LIMITS))
    for tensors in (source.example_inputs, fresh(source.example_inputs)):
        inputs = [np.ascontiguousarray(x.numpy()) for x in tensors]
        got = [np.asarray(y) for y in session.run(inputs)]
        wanted = module_outputs(source, tensors)
        exported = expected_outputs(source, tensors) if wanted is None else None
        _compare(program, source, core, allow_empty, inputs, got, wanted or exported or [])


def _compare(
    program: Program,
    source: Source,
    core: Core,
    allow_empty: bool,
    inputs: Arrays,
    got: Arrays,
    wanted: Arrays,
) -> None:
    import torch

    exported: Arrays | None = None
    exact: Sequence[NDArray[Any]] = ()
    for i, (y, want) in enumerate(zip(got, wanted, strict=True)):
        limit = tolerance(program.graph, want)
        if agree(y, want, np.full(want.shape, limit)):
            continue
        # Perhaps the network amplifies roundings: PyTorch's own distance from float64 is the yardstick.
        if exported is None:
            exported = expected_outputs(source, [torch.from_numpy(x) for x in inputs])
            exact = exact_outputs(source, inputs) or exported
        yardstick = np.full(want.shape, YARDSTICK_FACTOR * _distance(exported[i], exact[i]) + limit)
        if not agree(want, exact[i], yardstick):
            raise MismatchError(_untrue_export(source, _distance(exported[i], want)))
        if agree(y, exact[i], yardstick):
            continue
        culprit = find_culprit(source, core, inputs, allow_empty)
        raise MismatchError(
            f"the compiled network differs from its source by {_distance(y, want):.3g} where {limit:.3g} is "
            f"rounding; {culprit}"
        )


def _distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The largest finite difference."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(a - b)
    return float(difference[np.isfinite(difference)].max(initial=0.0))


def _untrue_export(source: Source, distance: float) -> str:
    return (
        f"what torch.export makes of {source.name} differs from {source.name} itself by {distance:.3g}: its "
        "forward turns values of the example inputs into constants, or does not give the same result twice"
    )


def find_culprit(source: Source, core: Core, inputs: Arrays, allow_empty: bool = False) -> str:
    """Which step first goes wrong: a layer in the runtime, a layer's translation, or a pass. A clause for
    a message."""
    graph = lower(source, allow_empty=allow_empty)
    optimise(graph, core)
    op = first_difference(graph, inputs)
    if op is not None:
        place = f" ({op.source})" if op.source else ""
        return f"first off in the runtime: layer {op.name}{place}, {op.kind}"
    from secateur.frontend.bisect import first_mistranslated

    layer = first_mistranslated(source, inputs)
    if layer is not None:
        return f"first off in the translation: {layer}"
    plain = lower(source, allow_empty=allow_empty)
    doubles = [x.astype(np.float64) for x in inputs]
    exact, _ = run_graph(plain, doubles)
    for step in (*GRAPH_PASSES, *GRAPH_PASSES, *FINAL_PASSES):
        run_passes(plain, [step], core)
        after, _ = run_graph(copy.copy(plain), doubles)
        if any(
            not agree(a, e, np.full(e.shape, tolerance(plain, e))) for a, e in zip(after, exact, strict=True)
        ):
            return f"first off after the pass {step.name}"
    return "no single layer is out of its own bounds"


__all__ = ["bound", "compile", "expected_outputs", "find_culprit", "tolerance"]
