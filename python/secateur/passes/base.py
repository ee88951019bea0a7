"""What a pass is: a function over the graph, with what it requires and ensures, and a sentence about what
it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from secateur.ir import Graph, Op, verify
from secateur.passes.cost_model import Core


@dataclass(frozen=True)
class Outcome:
    """`modified` is true exactly when the graph changed; `sentence` is for the user ("" when nothing to
    say)."""

    modified: bool
    sentence: str = ""


@dataclass(frozen=True)
class Pass:
    """A named step: `requires` and `ensures` say in words what holds before and after."""

    name: str
    run: Callable[[Graph, Core], Outcome]
    requires: str = ""
    ensures: str = ""


UNCHANGED = Outcome(False)


def count(number: int, noun: str) -> str:
    """
    >>> count(1, "activation"), count(3, "activation")
    ('1 activation', '3 activations')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def run_passes(graph: Graph, passes: Sequence[Pass], core: Core) -> tuple[bool, list[str]]:
    """Runs passes in order, verifying the graph after each; whether any changed it, and their sentences."""
    modified = False
    sentences = []
    for step in passes:
        outcome = step.run(graph, core)
        modified |= outcome.modified
        if outcome.sentence:
            sentences.append(f"{step.name}: {outcome.sentence}")
        verify(graph)
    return modified, sentences


def insert_before(graph: Graph, anchor: Op, new: Op) -> None:
    graph.ops.insert(next(i for i, op in enumerate(graph.ops) if op is anchor), new)
