"""Permutations of elements: ``x.reshape(shape).transpose(order)``, composed and brought to few dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir.types import Layout, Shape, TensorType

Permutation = tuple[Shape, Shape]  # shape, order


def axes(type: TensorType) -> Shape:
    """What a value is in memory: the batch, the channels and the positions of planes, or one run."""
    if type.layout is Layout.ROW_MAJOR:
        return (type.size,)
    batch, channels, height, width = type.shape
    return batch, channels, height * width


def refine(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int, int]] | None:
    """(size, number in a, number in b) of the pieces that both are products of; None where there are none.

    >>> refine((6, 4), (3, 8))
    [(3, 0, 0), (2, 0, 1), (4, 1, 1)]
    >>> refine((2, 3), (3, 2)) is None
    True
    """
    pieces: list[tuple[int, int, int]] = []
    i, j, left, right = len(a), len(b), 1, 1
    while True:
        while left == 1 and i > 0:
            i -= 1
            left = a[i]
        while right == 1 and j > 0:
            j -= 1
            right = b[j]
        size = min(left, right)
        if size == 1:
            return pieces[::-1] if left == right else None
        if left % size or right % size:
            return None
        pieces.append((size, i, j))
        left, right = left // size, right // size


def simplified(shape: Sequence[int], order: Sequence[int]) -> Permutation:
    """The same permutation without dimensions of size 1, neighbours that stay neighbours joined.

    >>> simplified((2, 1, 3, 4), (2, 3, 1, 0))
    ((2, 12), (1, 0))
    """
    runs: list[list[int]] = []
    kept = [d for d, size in enumerate(shape) if size > 1]
    for d in (d for d in order if shape[d] > 1):
        if runs and kept.index(d) == kept.index(runs[-1][-1]) + 1:
            runs[-1].append(d)
        else:
            runs.append([d])
    stored = sorted(runs)
    sizes = []
    for run in stored:
        size = 1
        for d in run:
            size *= shape[d]
        sizes.append(size)
    return tuple(sizes) or (1,), tuple(stored.index(run) for run in runs) or (0,)


def composed(first: Permutation, second: Permutation) -> Permutation | None:
    """`first`, then `second`; None where the second cuts dimensions that the first has apart.

    >>> composed(((2, 3), (1, 0)), ((3, 2), (1, 0)))
    ((6,), (0,))
    """
    (shape, order), (view, then) = first, second
    pieces = refine([shape[d] for d in order], view)
    if pieces is None:
        return None
    stored = [(d, n) for d in range(len(shape)) for n, piece in enumerate(pieces) if order[piece[1]] == d]
    sizes = [pieces[n][0] for _, n in stored]
    place = {n: at for at, (_, n) in enumerate(stored)}
    moved = [place[n] for d in then for n, piece in enumerate(pieces) if piece[2] == d]
    return simplified(sizes, moved)


def possible(x: TensorType, permutation: Permutation, y: TensorType) -> bool:
    """Whether no axis of planes is cut elsewhere than the dimensions of the permutation."""
    shape, order = permutation
    before = refine(axes(x), shape)
    if before is None:
        return False
    pieces = [size for d in order for size, _, part in before if part == d]
    return refine(pieces, axes(y)) is not None


def in_steps(shape: Sequence[int], order: Sequence[int], most: int) -> list[Permutation]:
    """The same permutation as several of at most `most` dimensions, one behind the other (most: 3 or more).

    Each puts as many dimensions as it can to the front in their final order, where they are one from then on.

    >>> in_steps((2, 3, 4, 5), (3, 2, 1, 0), 3)
    [((6, 4, 5), (2, 1, 0)), ((20, 2, 3), (0, 2, 1))]
    """
    steps: list[Permutation] = []
    shape, order = simplified(shape, order)
    while len(shape) > most:
        for count in range(len(order), 0, -1):
            moved = (*order[:count], *(d for d in range(len(shape)) if d not in order[:count]))
            step = simplified(shape, moved)
            if len(step[0]) <= most:
                break
        steps.append(step)
        shape, order = simplified([shape[d] for d in moved], [moved.index(d) for d in order])
    return [*steps, (shape, order)]
