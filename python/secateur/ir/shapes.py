"""Questions about shapes that several operators and passes ask."""

from __future__ import annotations

from secateur.ir.types import Shape


def same_planes(a: Shape, b: Shape) -> bool:
    """The same planes, whatever their rows and columns are called.

    >>> same_planes((1, 8, 4, 6), (1, 8, 1, 24))
    True
    """
    return a[:2] == b[:2] and a[2] * a[3] == b[2] * b[3]


def broadcast(a: Shape, b: Shape) -> Shape | None:
    """The shape that both enlarge to by NumPy's rules, or None.

    >>> broadcast((4, 1, 3), (5, 1)), broadcast((2,), (3,))
    ((4, 5, 3), None)
    """
    rank = max(len(a), len(b))
    pairs = list(zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True))
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        return None
    return tuple(max(m, n) for m, n in pairs)
