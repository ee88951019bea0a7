"""Dimensions renamed or reordered: axis maps are rewritten and nothing is emitted."""

from __future__ import annotations

import math

import numpy as np

from secateur.lowering.axes import Tensor, regroup
from secateur.lowering.builder import Builder
from secateur.lowering.numbers import as_floats
from secateur.lowering.rows import broadcast, materialise
from secateur.lowering.scores import Scores, reshaped
from secateur.lowering.unsupported import Unsupported, UnsupportedForm, UnsupportedLayout


def reshape(b: Builder, x: Tensor | Scores, shape: list[int]) -> Tensor | Scores:
    """As NumPy's, with one -1 allowed."""
    shape = _resolved(x.shape, shape)
    if isinstance(x, Scores):
        try:
            return reshaped(x, shape)
        except UnsupportedForm:
            x = materialise(b, x)
    return reshape_tensor(b, x, shape)


def _resolved(have: tuple[int, ...], shape: list[int]) -> list[int]:
    """With its -1 as what is left.

    >>> _resolved((2, 6), [3, -1])
    [3, 4]
    """
    rest = math.prod(have) // max(1, -math.prod(shape))
    return [rest if size == -1 else size for size in shape]


def reshape_tensor(b: Builder, x: Tensor, shape: list[int]) -> Tensor:
    shape = _resolved(x.shape, shape)
    dims = regroup(x.dims, shape)
    if dims is None and b.escape:
        x = b.rows(x)
        dims = regroup(x.dims, shape)
    if dims is None:
        raise UnsupportedLayout(
            hint=f"a reshape of {x.shape} to {tuple(shape)} that cuts across its dimensions"
        )
    return x.with_dims(dims)


def flatten(b: Builder, x: Tensor, start: int, end: int) -> Tensor:
    """Dimensions start to end, both inclusive, become one."""
    start, end = start % x.rank, end % x.rank
    return reshape_tensor(b, x, [*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]])


def unflatten(b: Builder, x: Tensor, dim: int, sizes: list[int]) -> Tensor:
    dim %= x.rank
    if -1 in sizes:
        sizes = [x.shape[dim] // -math.prod(sizes) if s == -1 else s for s in sizes]
    return reshape_tensor(b, x, [*x.shape[:dim], *sizes, *x.shape[dim + 1 :]])


def permute(x: Tensor, order: list[int]) -> Tensor:
    return x.with_dims(x.dims[d % x.rank] for d in order)


def swap(x: Tensor, first: int, second: int) -> Tensor:
    """Two dimensions exchanged; vectors stay."""
    if x.rank < 2:
        return x
    dims = list(x.dims)
    dims[first], dims[second] = dims[second], dims[first]
    return x.with_dims(dims)


def squeeze(x: Tensor, dims: list[int] | None) -> Tensor:
    """Without those of these dimensions (by default all) that have size 1."""
    chosen = set(range(x.rank)) if dims is None else {d % x.rank for d in dims}
    return x.with_dims(dim for d, dim in enumerate(x.dims) if d not in chosen or dim)


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    at = dim % (x.rank + 1)
    return x.with_dims((*x.dims[:at], (), *x.dims[at:]))


def expand(b: Builder, x: Tensor | Scores, size: list[int]) -> Tensor | Scores:
    """Leading dimensions of size 1 added; -1 keeps a size."""
    padded = (1,) * (len(size) - len(x.shape)) + tuple(x.shape)
    if any(new not in (-1, old) for new, old in zip(size, padded, strict=True)):
        x = as_floats(b, x) if isinstance(x, Tensor) else x
        if b.escape and isinstance(x, Tensor):
            shape = [old if new == -1 else new for new, old in zip(size, padded, strict=True)]
            return broadcast(b, x, np.ones(shape, np.float32), "mul")
        raise Unsupported(f"an expansion of {tuple(x.shape)} to {tuple(size)} of a computed tensor")
    if isinstance(x, Scores):
        return x
    return x.with_dims(((),) * (len(size) - x.rank) + x.dims)
