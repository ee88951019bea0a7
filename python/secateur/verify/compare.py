"""The compiled network against its source, on the examples and on fresh inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secateur import _core
from secateur.errors import InvalidArgumentError, MismatchError
from secateur.frontend.torch import Source, fresh
from secateur.ir import Graph
from secateur.passes import Core
from secateur.verify.bounds import YARDSTICK_FACTOR, agree, tolerance
from secateur.verify.culprit import find_culprit
from secateur.verify.oracle import Arrays, exact_outputs, expected_outputs, first_states, module_outputs


def verify_compiled(
    data: bytes, graph: Graph, source: Source, core: Core, *, allow_empty: bool = False
) -> None:
    """On the examples, and on fresh inputs: what was taken from the examples' values shows on others."""
    if source.example_inputs is None:
        raise InvalidArgumentError("verification needs example inputs: pass them, or verify=False")
    session = _core.Session(_core.Model(data, limits=_core.NO_LIMITS))
    examples = source.example_inputs
    for tensors in (examples, fresh(examples)):
        inputs = [np.ascontiguousarray(x.numpy()) for x in tensors]
        session.reset()
        got = [np.asarray(y) for y in session.run(inputs)]
        with first_states(source):
            wanted = module_outputs(source, tensors)
            exported = expected_outputs(source, tensors) if wanted is None else None
        _compare(graph, source, core, allow_empty, inputs, got, wanted or exported or [])
    if source.states and source.module is not None:
        _compare_second_run(session, graph, source, examples)


def _compare_second_run(
    session: _core.Session, graph: Graph, source: Source, tensors: Sequence[torch.Tensor]
) -> None:
    """The run after one on the same inputs: what is kept is what the network keeps."""
    session.reset()
    with first_states(source):
        for _ in range(2):
            got = session.run([np.ascontiguousarray(x.numpy()) for x in tensors])
            wanted = module_outputs(source, tensors) or []
    for y, want in zip(got, wanted, strict=True):
        limit = YARDSTICK_FACTOR * tolerance(graph, want)
        if not agree(np.asarray(y), want, np.full(want.shape, limit)):
            names = ", ".join(state.name for state in source.states)
            raise MismatchError(
                f"the second run of the compiled network differs from {source.name}'s by "
                f"{_distance(np.asarray(y), want):.3g}: it does not keep what {source.name} keeps ({names})"
            )


def _compare(
    graph: Graph,
    source: Source,
    core: Core,
    allow_empty: bool,
    inputs: Arrays,
    got: Arrays,
    wanted: Arrays,
) -> None:
    exported: Arrays | None = None
    exact: Sequence[NDArray[Any]] = ()
    for i, (y, want) in enumerate(zip(got, wanted, strict=True)):
        limit = tolerance(graph, want)
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
