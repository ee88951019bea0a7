"""Products of many elements, by halves: log2(n) products of tensors."""

from __future__ import annotations

import math
from collections.abc import Callable

from secateur.lowering.axes import Tensor
from secateur.lowering.binary import two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.join import join
from secateur.lowering.pad import pad_dims
from secateur.lowering.select import drop_dim, take
from secateur.lowering.shape import reshape_tensor


def product(b: Builder, x: Tensor, dims: list[int], keepdim: bool) -> Tensor:
    """Over any dimensions."""
    dims = sorted(d % x.rank for d in dims) if dims else list(range(x.rank))
    if len(dims) == x.rank and x.rank > 1:  # of all elements as a line
        line = product(b, reshape_tensor(b, x, [math.prod(x.shape)]), [0], True)
        return line.with_dims([()] * x.rank if keepdim else [])
    for dim in reversed(dims):
        while (size := x.shape[dim]) > 1:
            half = size // 2
            y = two_tensors(b, take(b, x, dim, 0, half), take(b, x, dim, half, half), "mul")
            if size % 2:
                first = two_tensors(b, take(b, y, dim, 0, 1), take(b, x, dim, size - 1, 1), "mul")
                x = first if half == 1 else join(b, [first, take(b, y, dim, 1, half - 1)], dim)
            else:
                x = y
        x = x if keepdim else drop_dim(x, dim)
    return x


def scan(
    b: Builder, x: Tensor, dim: int, join: Callable[[Builder, Tensor, Tensor], Tensor], neutral: float
) -> Tensor:
    """All elements up to each joined: with what lies 1, 2, 4 ... before it (Hillis, Steele 1986). neutral:
    what changes nothing that it is joined with."""
    dim %= max(x.rank, 1)
    size, step = (x.shape[dim] if x.rank else 1), 1
    while step < size:
        before = pad_dims(b, take(b, x, dim, 0, size - step), {dim: (step, 0)}, neutral)
        x = join(b, x, before)
        step *= 2
    return x


def cumulative_product(b: Builder, x: Tensor, dim: int) -> Tensor:
    return scan(b, x, dim, lambda b, x, y: two_tensors(b, x, y, "mul"), 1.0)
