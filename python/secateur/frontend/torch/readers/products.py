"""Products of many elements, distances of all pairs, and places among sorted numbers."""

from __future__ import annotations

import numpy as np

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import binary, integers, products, statistics, unary
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


@reads("logaddexp.default")
def logarithm_of_a_sum(b: Builder, a: Args) -> Tensor:
    """``ln(e^x + e^y)`` = the larger one, and ``ln(1 + e^-|x - y|)`` more."""
    most = binary.combine(b, a.get("self"), a.get("other"), "max")
    off = binary.combine(b, a.get("self"), a.get("other"), "sub")
    assert isinstance(most, Tensor)
    assert isinstance(off, Tensor)
    more = unary.softplus(b, binary.negative(b, b.unary(off, "abs")), 1.0)
    return binary.two_tensors(b, most, more, "add")
