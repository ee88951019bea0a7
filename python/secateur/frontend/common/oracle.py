"""What verification asks of the network that was compiled, whatever it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from secateur.ir import Graph

Arrays = list[NDArray[Any]]

RELATIVE = 1e-3  # of a translated operator: far above rounding, far below a wrong one


class Oracle(Protocol):
    """A network that says what it computes. Inputs and outputs are arrays in the order of its ports."""

    name: str
    states: Sequence[str]  # what it keeps from one run to the next
    notes: Sequence[str]  # what a user should know of how it was read, a sentence each
    # Of a network that came quantised, after `lower`: value -> (scale, zero point), layer -> scales of rows.
    tensor_scales: Mapping[str, tuple[float, int]]
    row_scales: Mapping[str, NDArray[np.float32]]

    def examples(self) -> Arrays | None:
        """Inputs to run on; None where there are none."""
        ...

    def fresh(self, seed: int = 0) -> Arrays:
        """Inputs like the examples, with other values and memory; others for each seed."""
        ...

    def lower(self, *, allow_empty: bool = False) -> Graph:
        """Its graph, unoptimised."""
        ...

    def itself(self, inputs: Arrays, runs: int = 1) -> Arrays | None:
        """What it gives in the last of these runs, the first of which begins with its first states; None
        where there is no more than what `exported` runs."""
        ...

    def exported(self, inputs: Arrays) -> Arrays:
        """What the form that was lowered computes, in float32."""
        ...

    def exact(self, inputs: Arrays) -> Arrays | None:
        """The same in float64; None where it cannot be had."""
        ...

    def quantised(self, inputs: Arrays) -> Arrays | None:
        """What it computes with the quantisation that it came with; None where it came without."""
        ...

    def untrue(self, distance: float) -> str:
        """The sentence for a network whose exported form is that far from itself."""
        ...

    def first_mistranslated(self, inputs: Arrays) -> str | None:
        """The first of its operators, in execution order, whose lowered value differs from its own: a name
        and a place; None if all agree."""
        ...


def same(got: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether a translated operator gives what it should, but for rounding."""
    scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
    return np.allclose(got, expected, rtol=0, atol=RELATIVE * scale + 1e-30, equal_nan=True)
