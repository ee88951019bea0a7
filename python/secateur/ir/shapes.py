"""Questions about shapes of planes that several operators and passes ask."""

from __future__ import annotations

from secateur.ir.types import Shape


def same_planes(a: Shape, b: Shape) -> bool:
    """The same planes, whatever their rows and columns are called.

    >>> same_planes((1, 8, 4, 6), (1, 8, 1, 24))
    True
    """
    return a[:2] == b[:2] and a[2] * a[3] == b[2] * b[3]
