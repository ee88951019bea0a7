"""The compiled network against its source, on the examples and on fresh inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur import _core
from secateur.errors import InvalidArgumentError, MismatchError
from secateur.frontend.common import Arrays, Oracle
from secateur.ir import Graph
from secateur.passes import Core, optimise
from secateur.verify.bounds import YARDSTICK_FACTOR, agree, tolerance
from secateur.verify.culprit import find_culprit, first_difference

_OTHERS = 4  # further inputs that a network is tried on where it sorts


def verify_compiled(
    data: bytes, graph: Graph, oracle: Oracle, core: Core, *, allow_empty: bool = False
) -> None:
    """On the examples, and on fresh inputs: what was taken from the examples' values shows on others."""
    examples = oracle.examples()
    if examples is None:
        raise InvalidArgumentError("verification needs example inputs: pass them, or verify=False")
    session = _core.Session(_core.Model(data, limits=_core.NO_LIMITS))
    for inputs in (examples, oracle.fresh()):
        off = _difference(graph, oracle, session, inputs)
        if off is None or _only_in_order(graph, oracle, core, allow_empty, session, inputs):
            continue
        culprit = find_culprit(oracle, core, inputs, allow_empty)
        raise MismatchError(
            f"the compiled network differs from its source by {off[0]:.3g} where {off[1]:.3g} is rounding; "
            f"{culprit}"
        )
    if oracle.states:
        _compare_second_run(session, graph, oracle, examples)


def _compare_second_run(session: _core.Session, graph: Graph, oracle: Oracle, inputs: Arrays) -> None:
    """The run after one on the same inputs: what is kept is what the network keeps."""
    wanted = oracle.itself(inputs, runs=2)
    if wanted is None:
        return
    session.reset()
    for _ in range(2):
        got = session.run(inputs)
    for y, want in zip(got, wanted, strict=True):
        limit = YARDSTICK_FACTOR * tolerance(graph, want)
        if not agree(np.asarray(y), want, np.full(want.shape, limit)):
            names = ", ".join(oracle.states)
            raise MismatchError(
                f"the second run of the compiled network differs from {oracle.name}'s by "
                f"{_distance(np.asarray(y), want):.3g}: it does not keep what {oracle.name} keeps ({names})"
            )


def _difference(
    graph: Graph, oracle: Oracle, session: _core.Session, inputs: Arrays
) -> tuple[float, float] | None:
    """How far the first output that is off is, and what is rounding; None where none is."""
    session.reset()
    got = [np.asarray(y) for y in session.run(inputs)]
    wanted = oracle.itself(inputs)
    exported: Arrays | None = None
    exact: Arrays = []
    for i, (y, want) in enumerate(zip(got, wanted or oracle.exported(inputs), strict=True)):
        limit = tolerance(graph, want)
        if agree(y, want, np.full(want.shape, limit)):
            continue
        # Perhaps the network amplifies roundings: its own distance from float64 is the yardstick.
        if exported is None:
            exported = oracle.exported(inputs)
            exact = oracle.exact(inputs) or exported
        yardstick = np.full(want.shape, YARDSTICK_FACTOR * _distance(exported[i], exact[i]) + limit)
        if not agree(want, exact[i], yardstick):
            raise MismatchError(oracle.untrue(_distance(exported[i], want)))
        if not agree(y, exact[i], yardstick):
            return _distance(y, want), limit
    return None


def _only_in_order(
    graph: Graph, oracle: Oracle, core: Core, allow_empty: bool, session: _core.Session, inputs: Arrays
) -> bool:
    """Whether a network that sorts differs in the order of elements that rounding alone tells apart.

    It agrees on other inputs, so what was lowered is right, and on these every operator gives what it should
    of what it was given."""
    if not any(op.kind == "Sort" for op in graph.ops):
        return False
    others = (oracle.fresh(seed) for seed in range(1, 1 + _OTHERS))
    if all(_difference(graph, oracle, session, other) is not None for other in others):
        return False
    plain = oracle.lower(allow_empty=allow_empty)
    optimise(plain, core)
    return first_difference(plain, inputs) is None


def _distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The largest finite difference."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(a - b)
    return float(difference[np.isfinite(difference)].max(initial=0.0))
