"""Pooling over windows, and reductions."""

from __future__ import annotations

import math

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import binary, integers, unpool, volume
from secateur.lowering import pool as lowering
from secateur.lowering import reduce as reductions
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


def _pool(b: Builder, a: Args, kind: str, spatial_rank: int) -> Tensor:
    kernel = a.ints("kernel_size", spatial_rank)
    divisor = a.get("divisor_override")
    lower = volume.pooling if spatial_rank == 3 else lowering.pool
    y = lower(
        b,
        a.tensor("self"),
        kind,
        kernel=kernel,
        stride=a.ints("stride", spatial_rank) or kernel,
        pad=a.ints("padding", spatial_rank) or [0] * spatial_rank,
        ceil=bool(a.get("ceil_mode")),
        count_pad=bool(a.get("count_include_pad")) or divisor is not None,
        dilation=a.ints("dilation", spatial_rank) or [1] * spatial_rank,
    )
    if divisor is None:
        return y
    if a.get("ceil_mode"):
        raise Unsupported("average pooling with divisor_override and ceil_mode")
    return b.binary_constant(y, "mul", binary.number(math.prod(kernel) / divisor))


@reads("max_pool2d.default")
def max_pool2d(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, "max", 2)


@reads("max_pool1d.default")
def max_pool1d(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, "max", 1)


@reads("max_pool2d_with_indices.default")
def max_pool2d_with_indices(b: Builder, a: Args) -> tuple[Tensor, Tensor | None]:
    y = _pool(b, a, "max", 2)
    if not a.wants(1):
        return y, None
    kernel = a.ints("kernel_size", 2)
    stride, pad, dilation = a.ints("stride", 2) or kernel, a.ints("padding", 2), a.ints("dilation", 2)
    at = unpool.places(b, a.tensor("self"), kernel, stride, pad, dilation, list(y.shape[-2:]))
    return y, at


@reads("max_unpool2d.default")
def max_unpool2d(b: Builder, a: Args) -> Tensor:
    return unpool.unpool(b, a.tensor("self"), a.tensor("indices"), a.ints("output_size", 2))


@reads("avg_pool2d.default")
def avg_pool2d(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, "average", 2)


@reads("avg_pool1d.default")
def avg_pool1d(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, "average", 1)


@reads("avg_pool3d.default")
def avg_pool3d(b: Builder, a: Args) -> Tensor:
    """Along the first of the three dimensions alone, as local response normalisation has it, or over all."""
    kernel, stride, x = a.ints("kernel_size", 3), a.ints("stride", 3), a.tensor("self")
    if kernel[1:] != [1, 1] or stride != [1, 1, 1] or any(a.ints("padding")):
        return _pool(b, a, "average", 3)
    return lowering.average_of_channels(b, x, x.rank - 3, kernel[0])


@reads("max_pool3d.default")
def max_pool3d(b: Builder, a: Args) -> Tensor:
    return _pool(b, a, "max", 3)


@reads("max_pool3d_with_indices.default")
def max_pool3d_with_indices(b: Builder, a: Args) -> tuple[Tensor, None]:
    return _pool(b, a, "max", 3), None


@reads("adaptive_avg_pool3d.default", "_adaptive_avg_pool3d.default")
def adaptive_avg_pool3d(b: Builder, a: Args) -> Tensor:
    sizes, x = a.ints("output_size", 3), a.tensor("self")
    if sizes != [1, 1, 1]:
        return volume.adaptive_average(b, x, sizes)
    return reductions.reduce(b, x, [x.rank - 3, x.rank - 2, x.rank - 1], True, "mean")


@reads("adaptive_max_pool3d.default")
def adaptive_max_pool3d(b: Builder, a: Args) -> tuple[Tensor, None]:
    x = a.tensor("self")
    spatial = [x.rank - 3, x.rank - 2, x.rank - 1]
    return lowering.maxima(b, x, spatial, [x.shape[d] for d in spatial], a.ints("output_size", 3)), None


@reads("adaptive_avg_pool2d.default", "_adaptive_avg_pool2d.default")
def adaptive_avg_pool2d(b: Builder, a: Args) -> Tensor:
    return lowering.adaptive_pool(b, a.tensor("self"), "mean", a.ints("output_size", 2))


@reads("adaptive_avg_pool1d.default")
def adaptive_avg_pool1d(b: Builder, a: Args) -> Tensor:
    return lowering.adaptive_pool(b, a.tensor("self"), "mean", a.ints("output_size", 1))


@reads("adaptive_max_pool2d.default")
def adaptive_max_pool2d(b: Builder, a: Args) -> tuple[Tensor, None]:
    return lowering.adaptive_pool(b, a.tensor("self"), "max", a.ints("output_size", 2)), None


def _reduce(b: Builder, a: Args, kind: str) -> Tensor:
    return reductions.reduce(b, a.tensor("self"), a.ints("dim"), bool(a.get("keepdim")), kind)


@reads("mean.dim", "mean.default")
def mean(b: Builder, a: Args) -> Tensor:
    return _reduce(b, a, "mean")


@reads("sum.dim_IntList", "sum.default")
def sum_(b: Builder, a: Args) -> Tensor:
    return _reduce(b, a, "sum")


@reads("max.dim", "min.dim")
def extreme(b: Builder, a: Args) -> tuple[Tensor, Tensor | None]:
    """The places only where somebody reads them."""
    kind, x = a.target[:3], a.tensor("self")
    if not a.wants(1):
        return _reduce(b, a, kind), None
    if kind == "min":
        x = binary.negative(b, x)
    return _reduce(b, a, kind), integers.arg_max(b, x, int(a.get("dim")), bool(a.get("keepdim")))


@reads("amax.default")
def amax(b: Builder, a: Args) -> Tensor:
    return _reduce(b, a, "max")


@reads("max.default", "min.default")
def extreme_of_all(b: Builder, a: Args) -> Tensor:
    return reductions.reduce(b, a.tensor("self"), [], False, a.target[:3])


@reads("amin.default")
def amin(b: Builder, a: Args) -> Tensor:
    return _reduce(b, a, "min")
