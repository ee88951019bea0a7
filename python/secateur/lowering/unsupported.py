"""What cannot be compiled, as facts about the source: collected by a frontend, raised as one error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

LAYOUT_HINT = "no planes layout expresses this order of dimensions"


class Unsupported(Exception):  # noqa: N818 - a fact about the source, not a failure
    """This use of an operator cannot be compiled, and why. Collected, never seen by users."""


class UnsupportedForm(Unsupported):
    """The form in which an operand is held is the reason: its order of dimensions, or a product that is kept
    symbolic. What stands before it, or another reading of the inputs, may change that."""


class UnsupportedLayout(UnsupportedForm):
    """The order of the dimensions is the reason.

    >>> str(UnsupportedLayout("rows and columns"))
    'no planes layout expresses this order of dimensions: rows and columns'
    """

    def __init__(self, detail: str = "", *, hint: str = LAYOUT_HINT) -> None:
        super().__init__(": ".join(part for part in (hint, detail) if part))


@dataclass(frozen=True)
class Problem:
    """One operator that cannot be compiled: its name in the source, the reason ("" where it is not known at
    all), and where it stands."""

    target: str
    reason: str
    where: str


def message(problems: Sequence[Problem]) -> str:
    """Every operator once, with its count, reason and first places.

    >>> message([Problem("aten.sort.default", "", "net.py:3"), Problem("aten.sort.default", "", "net.py:9")])
    '1 operator is not supported: aten.sort.default x2 at net.py:3, net.py:9'
    """
    counts = Counter((p.target, p.reason) for p in problems)
    parts = []
    for (target, reason), count in counts.items():
        places = [p.where for p in problems if (p.target, p.reason) == (target, reason) and p.where]
        text = target + (f" x{count}" if count > 1 else "") + (f" ({reason})" if reason else "")
        if places:
            text += f" at {', '.join(places[:3])}" + (", ..." if len(places) > 3 else "")
        parts.append(text)
    many = "operators are" if len(counts) > 1 else "operator is"
    return f"{len(counts)} {many} not supported: " + "; ".join(parts)
