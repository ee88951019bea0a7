"""A walk over a network's operators, once per reading of its inputs, each handed to its reader.

Lowering is cheap, so every reading is tried and the one that moves the least data is kept.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from secateur.errors import ShapeError, UnsupportedOperatorError, WeightError
from secateur.ir import DType, Graph, Layout, Port
from secateur.ir.shapes import same_planes
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.ports import NUMBERS, output_port, readings
from secateur.lowering.rows import materialise
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Problem, Unsupported, UnsupportedForm, message

# A network that no reading can compile is walked under this many, to report the one that came furthest.
_FAILURES = 8


class Unknown:
    """A result that no tensor can stand in for: what reads it is checked for a reader, and not run."""


def unexpected(error: Exception) -> str:
    """What nobody foresaw, in one line.

    >>> unexpected(ValueError("no such axis"))
    'an unexpected ValueError: no such axis'
    """
    said = str(error).strip().splitlines()
    return f"an unexpected {type(error).__name__}" + (f": {said[0][:200]}" if said else "")


Node = TypeVar("Node", bound=Hashable)


class Walk(ABC, Generic[Node]):
    """One walk under one reading of the inputs.

    An operator that fails does not stop the walk: a tensor of its result's shape stands in for it, so that
    what lies behind is looked at too. Its order of dimensions is a guess, and reasons that may come of the
    guess are not reported.
    """

    def __init__(self, *, escape: bool) -> None:
        self.builder = Builder(escape=escape)
        self.problems: list[Problem] = []
        self.understood = 0  # operators lowered from what is no guess
        self.ports: list[Port] = []
        self.guesses: set[Node] = set()

    @abstractmethod
    def run(self) -> Graph:
        """The graph; one without operators where there are problems."""

    @abstractmethod
    def fail(self, node: Node, reason: str) -> Any:
        """Notes why an operator cannot be compiled; what stands in for its result."""

    @abstractmethod
    def stand_in(self, node: Node) -> Any:
        """What stands in for an operator's result, which is a guess from then on."""

    @property
    def cost(self) -> tuple[int, int]:
        return self.builder.escapes, self.builder.moves

    def read(self, node: Node, reader: Callable[[], Any], *, guess: bool) -> Any:
        """What the reader makes of an operator. guess: it reads what stands in for another's result."""
        try:
            result = reader()
        except UnsupportedForm as problem:
            return self.stand_in(node) if guess else self.fail(node, str(problem))
        except Unsupported as problem:
            return self.fail(node, str(problem))
        except Exception as error:  # a fault of the reader's: named as what it could not read
            return self.stand_in(node) if guess else self.fail(node, unexpected(error))
        if guess:
            self.guesses.add(node)
        else:
            self.understood += 1
        return result

    def output(self, x: Any, name: str, *, guess: bool) -> Port | None:
        """The port of a result; None, and a problem, where it can be none."""
        self.builder.node_name, self.builder.node_source = name, ""
        if isinstance(x, Unknown):
            return None
        try:
            if isinstance(x, Scores) and self.builder.escape:
                x = materialise(self.builder, x)
            if isinstance(x, Scores) and not x.normalised:
                raise UnsupportedForm(
                    "a product of two computed tensors is taken in softmax(q @ k^T) @ v only"
                )
            if isinstance(x, Scores):
                raise UnsupportedForm("attention weights as an output (need_weights=False avoids them)")
            if not isinstance(x, Tensor):
                raise Unsupported("an output that does not depend on the inputs")
            return output_port(self.builder, x, name)
        except Unsupported as problem:
            if not (isinstance(problem, UnsupportedForm) and guess):
                self.problems.append(Problem("output", str(problem), name))
            return None

    def kept(self, x: Any, now: Port, reading: str, name: str, state: str, *, guess: bool) -> Port | None:
        """The port of what a state becomes, in the order in which `now` was read; None, and a problem, where
        there is none."""
        port = self.output(x, name, guess=guess)
        if port is not None and isinstance(x, Tensor) and not _alike(port, now):
            if port.order == now.order and _regridded(port, now):
                placed = self.builder.regrid(Tensor(port.value, ()), now.value.height, now.value.width)
                port = Port(port.name, placed.value, port.shape, port.order)
            elif self.builder.escape:
                port = self.output(self.builder.relay(x, reading), name, guess=guess)
        if port is not None and not _alike(port, now):
            why = "it is kept in another order of dimensions than it is read"
            self.problems.append(Problem("state", why, state))
        return port


def _alike(one: Port, other: Port) -> bool:
    return (one.order, one.value.shape) == (other.order, other.value.shape)


def _regridded(one: Port, other: Port) -> bool:
    """The same positions as other rows and columns."""
    layouts = {one.value.type.layout, other.value.type.layout}
    return layouts == {Layout.PLANES} and same_planes(one.value.shape, other.value.shape)


Walked = TypeVar("Walked", bound=Walk[Any])
Make = Callable[[Sequence[str], bool], Walked]  # (a reading for each input, escape) -> a walk
Held = Sequence[tuple[tuple[int, ...], DType]]  # the shape and dtype of each input


def best_walk(make: Make[Walked], inputs: Held, escape: bool | None = None) -> tuple[Walked, Graph]:
    """The walk that moves the least data, and its graph.

    escape: say what planes do not express by general permutations and row-major operators; None: where the
    planes do not express the network.

    Raises UnsupportedOperatorError when none succeeds, with the problems of the reading that came furthest:
    a wrong one fails at the first layer that cannot be what it says, and looks as if little were wrong.
    """
    if escape is not None:
        return _best_walk(make, inputs, escape)
    try:
        return _best_walk(make, inputs, False)
    except UnsupportedOperatorError:
        return _best_walk(make, inputs, True)


def _best_walk(make: Make[Walked], inputs: Held, escape: bool) -> tuple[Walked, Graph]:
    if not inputs:
        raise ShapeError("the model takes no tensor inputs")
    best: tuple[Walked, Graph] | None = None
    failed: list[Walked] = []
    each = (readings(shape) if dtype is DType.F32 else NUMBERS for shape, dtype in inputs)
    for reading in itertools.product(*each):
        walk = make(reading, escape)
        graph = walk.run()
        if walk.problems:
            failed.append(walk)
            if len(failed) >= _FAILURES and any(not p.reason for p in walk.problems):
                break  # an operator without a reader has none in any layout
        elif best is None or walk.cost < best[0].cost:
            best = (walk, graph)
            if walk.cost == (0, 0):
                break
    if best is None:
        furthest = max(failed, key=lambda walk: (walk.understood, -len(walk.problems)))
        raise UnsupportedOperatorError(message(furthest.problems))
    return best


def refuse_empty(walk: Walk[Any]) -> None:
    """Raises WeightError that names layers whose weights are all zero."""
    empty = walk.builder.empty_layers
    if empty:
        raise WeightError(
            f"all weights are zero in {', '.join(empty)}: the network cannot compute anything there; "
            "compile(..., allow_empty=True) takes it all the same"
        )
