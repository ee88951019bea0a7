"""Reductions and cumulative sums."""

from __future__ import annotations

import numpy as np

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import binary, linear, statistics
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce

_PLAIN = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min"}


def _axes(a: Args) -> tuple[Tensor, list[int] | None, bool]:
    """The tensor, the axes (None: none at all), and whether they stay with size 1."""
    x, axes = a.floats(), a.axes(1)
    if not axes:
        axes = None if a.integer("noop_with_empty_axes") else list(range(x.rank))
    return x, axes, bool(a.integer("keepdims", 1))


@reads(*_PLAIN)
def plain(b: Builder, a: Args) -> Tensor:
    x, axes, keep = _axes(a)
    return x if axes is None else reduce(b, x, axes, keep, _PLAIN[a.op])


@reads("ReduceL1", "ReduceL2")
def norm(b: Builder, a: Args) -> Tensor:
    x, axes, keep = _axes(a)
    if axes is None:
        return b.unary(x, "abs")
    return statistics.vector_norm(b, x, 1 if a.op == "ReduceL1" else 2, axes, keep)


@reads("ReduceSumSquare")
def sum_of_squares(b: Builder, a: Args) -> Tensor:
    x, axes, keep = _axes(a)
    squares = binary.two_tensors(b, x, x, "mul")
    return squares if axes is None else reduce(b, squares, axes, keep, "sum")


@reads("ReduceLogSum")
def log_of_sum(b: Builder, a: Args) -> Tensor:
    x, axes, keep = _axes(a)
    return b.unary(x if axes is None else reduce(b, x, axes, keep, "sum"), "log")


@reads("ReduceLogSumExp")
def log_of_sum_of_exponentials(b: Builder, a: Args) -> Tensor:
    """``m + ln(sum(e^(x - m)))`` with the largest m, so that nothing overflows."""
    x, axes, keep = _axes(a)
    if axes is None:
        return x
    most = reduce(b, x, axes, True, "max")
    total = reduce(b, b.unary(binary.two_tensors(b, x, most, "sub"), "exp"), axes, True, "sum")
    y = binary.two_tensors(b, b.unary(total, "log"), most, "add")
    gone = {axis % x.rank for axis in axes}
    return y if keep else y.with_dims(dim for d, dim in enumerate(y.dims) if d not in gone)


@reads("CumSum")
def cumulative_sum(b: Builder, a: Args) -> Tensor:
    """A product with a triangle of ones."""
    x, axis = a.floats(), a.ints_of(1)[0]
    size = x.shape[axis]
    ones = np.tril(np.ones((size, size), np.float32), -1 if a.integer("exclusive") else 0)
    return linear.contract(b, x, axis, ones[::-1, ::-1].copy() if a.integer("reverse") else ones, None)


@reads("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(b: Builder, a: Args) -> Tensor:
    x = a.floats()
    axes = list(range(2, x.rank))
    if a.op == "GlobalLpPool":
        return statistics.vector_norm(b, x, a.number("p", 2), axes, True)
    return reduce(b, x, axes, True, "mean" if a.op == "GlobalAveragePool" else "max")
