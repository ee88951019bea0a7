"""Products of many elements, distances of all pairs, and places among sorted numbers."""

from __future__ import annotations

import math

import numpy as np

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import binary, determinant, integers, pairs, products, statistics
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce
from secateur.lowering.shape import unsqueeze


@reads("prod.default", "prod.dim_int")
def product(b: Builder, a: Args) -> Tensor:
    return products.product(b, a.tensor("self"), a.ints("dim"), bool(a.get("keepdim")))


@reads("cumprod.default")
def cumulative_product(b: Builder, a: Args) -> Tensor:
    return products.cumulative_product(b, a.tensor("self"), int(a.get("dim")))


@reads("linalg_det.default", "det.default")
def determinants(b: Builder, a: Args) -> Tensor:
    return determinant.determinant(b, a.tensor(a.names[0]))


@reads("_cdist_forward.default")
def distances(b: Builder, a: Args) -> Tensor:
    """Of every row of one matrix from every row of the other."""
    x, y = a.get("x1"), a.get("x2")
    x = unsqueeze(x, x.rank - 1) if isinstance(x, Tensor) else np.expand_dims(x, -2)
    y = unsqueeze(y, y.rank - 2) if isinstance(y, Tensor) else np.expand_dims(y, -3)
    off = binary.combine(b, x, y, "sub")
    assert isinstance(off, Tensor)
    return statistics.vector_norm(b, off, a.number("p"), [-1], False)


@reads("bucketize.Tensor", "searchsorted.Tensor")
def places(b: Builder, a: Args) -> Tensor:
    """How many of sorted constants are less than each number, or no more than it."""
    x, sorted_ones = a.tensor("self"), a.const("boundaries" if "boundaries" in a.names else "sorted_sequence")
    right = bool(a.get("right")) or a.get("side") == "right"
    x = x.with_dims((*x.dims, ()))
    above = integers.compare(b, x, sorted_ones, "ge" if right else "gt", whole=False)
    return reduce(b, above, [-1], False, "sum")


@reads("logcumsumexp.default")
def logarithm_of_sums(b: Builder, a: Args) -> Tensor:
    return products.scan(b, a.tensor("self"), int(a.get("dim")), pairs.log_add_exp, -integers.MOST)


@reads("cummax.default", "cummin.default")
def extreme_so_far(b: Builder, a: Args) -> tuple[Tensor, Tensor | None]:
    """The places are those of the last element that is as large."""
    x, dim, kind = a.tensor("self"), int(a.get("dim")), a.target[3:6]
    fill = -math.inf if kind == "max" else math.inf
    y = products.scan(b, x, dim, lambda b, x, y: binary.two_tensors(b, x, y, kind), fill)
    if not a.wants(1) or not x.rank:
        return y, None
    there = integers.compare(b, x, y, "eq", whole=False)
    numbers = np.arange(x.shape[dim], dtype=np.float32).reshape(-1, *[1] * (x.rank - dim % x.rank - 1))
    at = pairs.arithmetic(b, there, numbers, "mul")
    return y, products.scan(b, at, dim, lambda b, x, y: binary.two_tensors(b, x, y, "max"), 0.0)
