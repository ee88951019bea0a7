"""Elements chosen by indices: flips, rolls, gathers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from secateur.frontend.torch.registry import Args, reads, reads_masked
from secateur.ir.types import Array
from secateur.lowering import gather as lowering
from secateur.lowering import integers, join, linear, masked, order, pairs, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.masked import ELSEWHERE as MASKED_ELSEWHERE
from secateur.lowering.masked import Masked
from secateur.lowering.reduce import reduce
from secateur.lowering.unsupported import Unsupported


@reads("flip.default")
def flip(b: Builder, a: Args) -> Tensor:
    return lowering.flip(b, a.tensor("self"), a.ints("dims"))


@reads("roll.default")
def roll(b: Builder, a: Args) -> Tensor:
    return lowering.roll(b, a.tensor("self"), a.ints("shifts"), a.ints("dims"))


@reads("unfold.default")
def windows(b: Builder, a: Args) -> Tensor:
    dim, size, step = (int(a.get(name)) for name in ("dimension", "size", "step"))
    return lowering.windows(b, a.tensor("self"), dim, size, step)


@reads("index_select.default")
def index_select(b: Builder, a: Args) -> Tensor:
    if a.computed("index"):
        dim = int(a.get("dim"))
        if not a.computed("self") and dim == 0:
            return integers.look_up(b, a.whole("index"), a.const("self"))
        x = a.tensor("self")
        return order.index(b, x, [*[None] * (dim % x.rank), a.tensor("index")])
    return lowering.gather(b, a.tensor("self"), int(a.get("dim")), a.const("index"))


@reads("gather.default")
def gather(b: Builder, a: Args) -> Tensor | torch.Tensor:
    """Elements by an index for each: either may be computed."""
    dim = int(a.get("dim"))
    if not a.computed("self"):
        table, index = a.const("self"), a.whole("index")
        row = integers.row_of(table, dim)
        if row is None:
            return integers.look_up_along(b, index, dim, table)
        if (row == row[0]).all():  # whatever the index says
            return torch.full(index.shape, row[0].item(), dtype=a.dtype("self"))
        return integers.look_up(b, index, row)
    x = a.tensor("self")
    if a.computed("index"):
        return order.along(b, x, dim, a.tensor("index"))
    chosen = integers.row_of(a.const("index"), dim)
    others = [size for d, size in enumerate(x.shape) if d != dim % x.rank]
    given = [size for d, size in enumerate(a.const("index").shape) if d != dim % x.rank]
    if chosen is None or others != given:
        places = np.indices(a.const("index").shape)
        places[dim] = a.const("index")
        return lowering.index(b, x, list(places))
    return lowering.gather(b, x, dim, chosen)


@reads("index.Tensor")
def index(b: Builder, a: Args) -> Tensor | Masked:
    """``x[i, :, j]``: indices that are constant or computed, of a computed tensor; computed ones of a
    constant."""
    given = a.list_of("indices")
    if not a.computed("self"):
        return _of_constant(b, a.const("self"), given, a.wholes("indices"))
    x = a.tensor("self")
    if any(isinstance(g, Tensor) for g in given):
        if len(given) == 1 and a.dtype("indices.0") == torch.bool:
            return Masked(x, given[0])
        if any(a.dtype(f"indices.{i}") == torch.bool for i in range(len(given))):
            raise Unsupported(MASKED_ELSEWHERE)
        return order.index(b, x, given)
    return lowering.index(b, x, given)


@reads("masked_select.default")
def masked_select(b: Builder, a: Args) -> Tensor:
    """The elements where a constant mask is true, as a line."""
    if a.computed("mask"):
        raise Unsupported(MASKED_ELSEWHERE)
    x, mask = a.tensor("self"), a.const("mask")
    size = np.broadcast_shapes(x.shape, mask.shape)
    return lowering.index(b, _enlarged(b, x, size), [np.broadcast_to(mask, size)])


@reads_masked("index_put.default")
def put_back(b: Builder, a: Args) -> Tensor:
    """``x[mask] = y[mask]``"""
    values, at = a.given("values"), a.wholes("indices")
    same = len(at) == 1 and isinstance(values, Masked) and at[0] == values.mask
    if not same or a.get("accumulate") or tuple(a.given("self").shape) != values.tensor.shape:
        raise Unsupported(MASKED_ELSEWHERE)
    return masked.put_back(b, a.get("self"), values)


@reads_masked("sum.default", "mean.default")
def sum_of_chosen(b: Builder, a: Args) -> Tensor:
    return masked.reduced(b, a.given("self"), a.target.split(".")[0])


def _of_constant(b: Builder, table: Array, given: Sequence[Any], whole: Sequence[Any]) -> Tensor:
    """The indexed dimensions are the rows of a table; what the indices make comes where they were, or first
    where others lie between."""
    at = [d for d, g in enumerate(given) if g is not None]
    rest = [d for d in range(table.ndim) if d not in at]
    sizes = [table.shape[d] for d in at]
    found = whole[at[0]] if len(at) == 1 else order.flat(b, [given[d] for d in at], sizes)
    rows = table.transpose(*at, *rest).reshape(-1, *(table.shape[d] for d in rest))
    y = integers.look_up(b, found, rows)
    if at[-1] - at[0] >= len(at) or at[0] == 0:
        return y
    made = y.rank - len(rest)
    return shape.permute(y, [*range(made, made + at[0]), *range(made), *range(made + at[0], y.rank)])


@reads("sort.default", "sort.stable", "topk.default")
def sort(b: Builder, a: Args) -> tuple[Tensor, Tensor]:
    count = int(a.get("k")) if a.has("k") else None
    descending = bool(a.get("largest") if a.has("k") else a.get("descending"))
    return order.sort(b, a.tensor("self"), int(a.get("dim", -1)), count, descending)


@reads("argsort.default", "argsort.stable")
def argsort(b: Builder, a: Args) -> Tensor:
    x, dim = a.tensor("self"), int(a.get("dim", -1))
    return order.places(b, x, dim, x.shape[dim] if x.rank else 1, bool(a.get("descending")))


@reads("kthvalue.default", "median.dim")
def kth(b: Builder, a: Args) -> tuple[Tensor, Tensor]:
    x, dim = a.tensor("self"), int(a.get("dim", -1))
    k = int(a.get("k")) if a.has("k") else (x.shape[dim] + 1) // 2 if x.rank else 1
    return order.kth(b, x, dim, k - 1, bool(a.get("keepdim")))


@reads("median.default")
def median(b: Builder, a: Args) -> Tensor:
    x = shape.reshape_tensor(b, a.tensor("self"), [-1])
    return order.kth(b, x, 0, (x.shape[0] + 1) // 2 - 1, False)[0]


@reads("scatter.src", "scatter.value", "scatter_add.default")
def scatter(b: Builder, a: Args) -> Tensor:
    """Of an index that is computed; one place twice, which has no defined result, gives the sum."""
    src = a.get("src") if "src" in a.names else a.number("value")
    adds = a.target.startswith("scatter_add")
    return order.scatter(b, a.get("self"), int(a.get("dim")), a.tensor("index"), src, adds=adds)


@reads("index_put.default")
def put_at(b: Builder, a: Args) -> Tensor:
    """What ``x[i, :, j] = y`` leaves in x, by constant indices, or by a computed one of one dimension."""
    given, x, values = a.list_of("indices"), a.get("self"), a.get("values")
    adds, size = bool(a.get("accumulate")), tuple(x.shape)
    if len(given) == 1 and isinstance(given[0], Tensor) and a.dtype("indices.0") == torch.bool:
        return _put_where(b, x, given[0], values, adds)
    one_line = (
        isinstance(given[-1], np.ndarray) and given[-1].ndim == 1 and all(g is None for g in given[:-1])
    )
    if adds and one_line:
        return _added_at(b, x, len(given) - 1, given[-1], values)
    if not any(isinstance(g, Tensor) for g in given) and not adds:
        whole = [g if g is None or g.dtype == bool else g.astype(np.int64) for g in given]
        at = tuple(slice(None) if g is None else g for g in whole)
        places = np.arange(int(np.prod(size))).reshape(size)[at]
        return lowering.put(b, x, places, _enlarged(b, values, places.shape))
    line, dim = given[-1], len(given) - 1
    alone = isinstance(line, Tensor) and line.rank == 1 and all(g is None for g in given[:-1])
    if not alone or a.dtype(f"indices.{dim}") == torch.bool:
        raise Unsupported("elements put at computed places, but of one index of one dimension")
    size = (*size[:dim], line.shape[0], *size[dim + 1 :])
    every = line.with_dims((*[()] * dim, line.dims[0], *[()] * (len(size) - dim - 1)))
    return order.scatter(b, x, dim, _enlarged(b, every, size), _enlarged(b, values, size), adds=adds)


@reads("diagonal.default")
def diagonal(b: Builder, a: Args) -> Tensor:
    """Of two dimensions; it comes last."""
    x, off = a.tensor("self"), int(a.get("offset", 0))
    two = [int(a.get(name)) % x.rank for name in ("dim1", "dim2")]
    x = x.with_dims(x.dims[d] for d in [*(d for d in range(x.rank) if d not in two), *two])
    count = min(x.shape[-2] - max(-off, 0), x.shape[-1] - max(off, 0))
    if count < 1:
        raise Unsupported("a diagonal without elements")
    at = np.arange(count)
    return lowering.index(b, x, [*[None] * (x.rank - 2), at + max(-off, 0), at + max(off, 0)])


def _put_where(b: Builder, x: Any, mask: Tensor, value: Any, adds: bool) -> Tensor:
    """What ``x[mask] = value`` leaves in x; the mask has the first dimensions of x."""
    if not isinstance(value, Tensor):
        if value.size != 1:
            raise Unsupported("elements put where a computed mask is true, but of one value")
        value = value.item()
    elif value.shape not in ((), (1,)):
        raise Unsupported("elements put where a computed mask is true, but of one value")
    mask = mask.with_dims((*mask.dims, *[()] * (len(x.shape) - mask.rank)))
    if isinstance(value, Tensor):
        value = value.with_dims(())
    if adds:
        return pairs.arithmetic(b, x, pairs.arithmetic(b, mask, value, "mul"), "add")
    return integers.select(b, mask, value, x)


def _added_at(b: Builder, x: Any, dim: int, at: Array, values: Any) -> Tensor:
    """x with parts of `values` added to constant places of one dimension, each as often as it comes."""
    size = tuple(x.shape)
    matrix = np.zeros((size[dim], at.size), np.float32)
    matrix[at.astype(np.int64), np.arange(at.size)] = 1
    values = _enlarged(b, values, (*size[:dim], at.size, *size[dim + 1 :]))
    if not isinstance(values, Tensor):
        return pairs.arithmetic(b, x, np.moveaxis(np.moveaxis(values, dim, -1) @ matrix.T, -1, dim), "add")
    return pairs.arithmetic(b, x, linear.contract(b, values, dim, matrix, None), "add")


@reads("scatter_reduce.two")
def scatter_reduce(b: Builder, a: Args) -> Tensor:
    """Sums, means, products or extremes of what falls on one place."""
    kind = {"sum": "sum", "mean": "mean", "amax": "max", "amin": "min"}.get(str(a.get("reduce")))
    if kind is None:
        raise Unsupported(f"a scatter that reduces by {a.get('reduce')!r}")
    index = a.tensor("index") if a.computed("index") else a.const("index")
    own = bool(a.get("include_self", True))
    return order.scatter_reduce(
        b, a.get("self"), int(a.get("dim")), index, a.get("src"), kind, include_self=own
    )


@reads("as_strided.default")
def as_strided(b: Builder, a: Args) -> Tensor:
    """Elements by their places in memory; what is seen so lies in order there."""
    if not a.contiguous("self"):
        raise Unsupported("a view by strides of what does not lie in order")
    places = np.full((1,), int(a.get("storage_offset") or 0))
    for size, stride in zip(a.ints("size"), a.ints("stride"), strict=True):
        places = places[..., None] + np.arange(size) * stride
    line = shape.reshape_tensor(b, a.tensor("self"), [-1])
    y = lowering.gather(b, line, 0, places.reshape(-1))
    return shape.reshape_tensor(b, y, a.ints("size"))


@reads("cross.default", "linalg_cross.default")
def cross(b: Builder, a: Args) -> Tensor:
    """Of vectors of three elements along one dimension."""
    x, y = a.tensor("self"), a.tensor("other")
    dim = a.get("dim")
    dim = next(d for d, size in enumerate(x.shape) if size == 3) if dim is None else int(dim)
    turned = [[lowering.roll(b, v, [-n], [dim]) for v in (x, y)] for n in (1, 2)]
    first = pairs.arithmetic(b, turned[0][0], turned[1][1], "mul")
    return pairs.arithmetic(b, first, pairs.arithmetic(b, turned[1][0], turned[0][1], "mul"), "sub")


@reads("column_stack.default")
def column_stack(b: Builder, a: Args) -> Tensor:
    parts = [
        part
        if len(part.shape) > 1
        else part[:, None]
        if isinstance(part, np.ndarray)
        else shape.unsqueeze(part, 1)
        for part in a.tensors("tensors")
    ]
    return join.concatenate(b, parts, 1)


@reads("trace.default")
def trace(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    at = np.arange(min(x.shape))
    return reduce(b, lowering.index(b, x, [at, at]), [0], False, "sum")


def _enlarged(b: Builder, x: Any, size: tuple[int, ...]) -> Any:
    if not isinstance(x, Tensor):
        return np.broadcast_to(np.asarray(x, np.float32), size)
    return x if x.shape == size else shape.expand(b, x, list(size))
