"""Pooling over windows."""

from __future__ import annotations

from secateur.frontend.onnx.readers.windows import pads_of
from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import pool, power, unary, volume
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


def _pool(b: Builder, a: Args, x: Tensor, kind: str, count_pad: bool) -> Tensor:
    kernel = a.ints("kernel_shape") or []
    ones = [1] * len(kernel)
    stride, dilation = a.ints("strides", ones) or ones, a.ints("dilations", ones) or ones
    pads = pads_of(a, x.shape[2:], kernel, stride, dilation)
    if len(kernel) == 3:
        return _of_volumes(b, a, x, kind, count_pad, stride, dilation, pads)
    return pool.pool(
        b,
        x,
        kind,
        kernel=kernel,
        stride=stride,
        pad=[before for before, _ in pads],
        after=[after for _, after in pads],
        ceil=bool(a.integer("ceil_mode")),
        count_pad=count_pad,
        dilation=dilation,
    )


def _of_volumes(
    b: Builder,
    a: Args,
    x: Tensor,
    kind: str,
    count_pad: bool,
    stride: list[int],
    dilation: list[int],
    pads: list[tuple[int, int]],
) -> Tensor:
    if any(before != after for before, after in pads):
        raise Unsupported("3-D pooling with other padding behind than before")
    return volume.pooling(
        b,
        x,
        kind,
        kernel=a.ints("kernel_shape") or [],
        stride=stride,
        pad=[before for before, _ in pads],
        ceil=bool(a.integer("ceil_mode")),
        count_pad=count_pad,
        dilation=dilation,
    )


@reads("MaxPool")
def max_pool(b: Builder, a: Args) -> Tensor:
    if a.integer("storage_order"):
        raise Unsupported("indices in column order")
    return _pool(b, a, a.floats(), "max", False)


@reads("AveragePool")
def average_pool(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, a.floats(), "average", bool(a.integer("count_include_pad")))


@reads("LpPool")
def lp_pool(b: Builder, a: Args) -> Tensor:
    """``(sum |x|^p)^(1/p)`` of a window: its mean of powers times its size."""
    p, kernel = a.integer("p", 2), a.ints("kernel_shape") or []
    powers = power.power(b, b.unary(a.floats(), "abs"), p)
    size = 1
    for k in kernel:
        size *= k
    total = unary.scaled(b, _pool(b, a, powers, "average", True), size)
    return power.power(b, total, 1 / p)
