"""Order: sorting, the k largest, elements by computed places. Places are whole numbers held as f32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from secateur.ir import options as o
from secateur.ir import row_major, shapes
from secateur.lowering import rows
from secateur.lowering.axes import Tensor, contiguous
from secateur.lowering.binary import combine, number
from secateur.lowering.builder import Builder
from secateur.lowering.integers import MOST, compare, opposite, select, special
from secateur.lowering.join import concatenate
from secateur.lowering.numbers import as_floats
from secateur.lowering.reduce import reduce
from secateur.lowering.select import drop_dim
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported

_WHY = "an order that is computed"


def places(b: Builder, x: Tensor, dim: int, count: int, descending: bool) -> Tensor:
    """Where the `count` first elements of a dimension lie, were it sorted; equal ones in their order."""
    if x.rank == 0:
        return places(b, x.with_dims(((),)), 0, count, descending).with_dims(())
    dim %= x.rank
    order = [*(d for d in range(x.rank) if d != dim), dim]
    last = b.rows(x, order, why=_WHY)
    shape = (*last.shape[:-1], count)
    y = contiguous(b.emit("Sort", [last.value], row_major(*shape), o.SortOptions(descending)))
    return y.with_dims(y.dims[order.index(d)] for d in range(x.rank))


def sort(b: Builder, x: Tensor, dim: int, count: int | None, descending: bool) -> tuple[Tensor, Tensor]:
    """The `count` first elements of a dimension in that order (None: all), and their places."""
    size = x.shape[dim] if x.rank else 1
    at = places(b, x, dim, size if count is None else count, descending)
    return take_along(b, x, dim, at), at


def kth(b: Builder, x: Tensor, dim: int, k: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    """The element that is number k (from 0) in ascending order, and its place."""
    if x.rank == 0:
        return x, places(b, x, 0, 1, False)
    dim %= x.rank
    at = places(b, x, dim, k + 1, False)
    at = rows.take(b, at, dim, k, 1, 1)
    parts = (take_along(b, x, dim, at), at)
    values, found = (p if keepdim else p.with_dims((*p.dims[:dim], *p.dims[dim + 1 :])) for p in parts)
    return values, found


def take_along(b: Builder, x: Tensor, dim: int, index: Tensor) -> Tensor:
    """``y[..., i, ...] = x[..., index[..., i, ...], ...]``; all other dimensions broadcast."""
    if x.rank == 0:
        return x
    dim %= x.rank
    lead = [shapes.broadcast((m,), (n,)) for m, n in zip(x.shape, index.shape, strict=True)]
    if any(size is None for d, size in enumerate(lead) if d != dim):
        raise Unsupported(f"places of shape {index.shape} in {x.shape}")
    shape = tuple(index.shape[d] if d == dim else max(x.shape[d], index.shape[d]) for d in range(x.rank))
    x, index = b.rows(x, why="places that are computed"), b.rows(index)
    return contiguous(b.emit("Gather", [x.value, index.value], row_major(*shape), o.GatherOptions(dim)))


def along(b: Builder, x: Tensor, dim: int, index: Tensor) -> Tensor:
    """PyTorch's gather: the other dimensions of `index` may be shorter than those of x."""
    if x.rank == 0 or index.rank == 0:
        return x
    dim %= x.rank
    for d, size in enumerate(index.shape):
        if d != dim and size < x.shape[d]:
            x = rows.take(b, x, d, 0, size, 1)
    return take_along(b, x, dim, index)


def where_not_nan(b: Builder, x: Tensor, fill: float) -> Tensor:
    """x, and `fill` where it is no number: chosen, since no arithmetic frees a sum of NaN."""
    there = special(b, x, "isnan")
    column = x.with_dims((*x.dims, ()))
    both = concatenate(b, [column, np.full(column.shape, fill, np.float32)], x.rank)
    return drop_dim(take_along(b, both, x.rank, there.with_dims((*there.dims, ()))), x.rank)


def index(b: Builder, x: Tensor, given: Sequence[Any]) -> Tensor:
    """``x[i, :, j]`` with indices that are computed, constant or absent, and broadcast."""
    at = [d for d, g in enumerate(given) if g is not None]
    if any(isinstance(g, np.ndarray) and g.dtype == np.bool_ for g in given):
        raise Unsupported("computed indices beside a mask")
    sizes = [x.shape[d] for d in at]
    together = flat(b, [given[d] for d in at], sizes)
    to = at[0] if at == list(range(at[0], at[0] + len(at))) else 0
    rest = [d for d in range(x.rank) if d not in at]
    x = x.with_dims(x.dims[d] for d in (*rest[:to], *at, *rest[to:]))
    x = reshape_tensor(b, x, [*x.shape[:to], int(np.prod(sizes)), *x.shape[to + len(at) :]])
    line = reshape_tensor(b, together, [-1])
    line = line.with_dims((*[()] * to, line.dims[0], *[()] * (x.rank - to - 1)))
    y = take_along(b, x, to, line)
    return reshape_tensor(b, y, [*y.shape[:to], *together.shape, *y.shape[to + 1 :]])


def from_start(b: Builder, index: Tensor, size: int) -> Tensor:
    """Places of a dimension of that size, of which negative ones count from its end, from its start."""
    negative = b.unary(b.binary_constant(index, "mul", number(-1)), "clamp", 0, 1)
    return combined(b, index, b.binary_constant(negative, "mul", number(size)), "add")


def flat(b: Builder, given: Sequence[Any], sizes: Sequence[int]) -> Tensor:
    """One index of all these dimensions together; negative ones count from the end."""
    total: Any = None
    for g, size in zip(given, sizes, strict=True):
        if not isinstance(g, Tensor):
            part: Any = np.asarray(g, np.float32) % np.float32(size)
        else:
            part = as_floats(b, g)
            if len(given) > 1:
                part = from_start(b, part, size)
        if total is None:
            total = part
        elif not isinstance(total, Tensor) and not isinstance(part, Tensor):
            total = total * np.float32(size) + part
        else:
            scaled = (
                total * np.float32(size)
                if not isinstance(total, Tensor)
                else b.binary_constant(total, "mul", number(size))
            )
            total = combine(b, scaled, part, "add")
    if not isinstance(total, Tensor):
        raise Unsupported("an index without a computed part")
    if int(np.prod(sizes)) > 1 << 24:
        raise Unsupported(f"a computed index of {int(np.prod(sizes))} elements")
    return total


def scatter(b: Builder, x: Any, dim: int, index: Tensor, src: Any, *, adds: bool) -> Tensor:
    """x with ``src[..., j, ...]`` put, or added, at ``[..., index[..., j, ...], ...]``: sums weighted with 0
    and 1. x and src: computed, constant (infinity as MOST: 0 times it is to be 0) or (src) a number."""
    rank = index.rank
    dim %= max(rank, 1)
    shape = tuple(x.shape)
    if rank == 0 or any(d != dim and n != m for d, (n, m) in enumerate(zip(index.shape, shape, strict=True))):
        raise Unsupported(f"a scatter of {index.shape} places into {shape}")
    x, src = (
        v if isinstance(v, Tensor) else np.clip(np.asarray(v, np.float32), -MOST, MOST) for v in (x, src)
    )
    if isinstance(src, Tensor):
        for d, size in enumerate(index.shape):
            if size < src.shape[d]:
                src = rows.take(b, src, d, 0, size, 1)
        src = src.with_dims((*src.dims[: dim + 1], (), *src.dims[dim + 1 :]))
    elif src.ndim:
        src = np.expand_dims(src[tuple(slice(size) for size in index.shape)], dim + 1)
    at = index.with_dims((*index.dims[: dim + 1], (), *index.dims[dim + 1 :]))
    numbers = np.arange(shape[dim], dtype=np.float32).reshape(-1, *[1] * (rank - dim - 1))
    there = compare(b, at, numbers, "eq", whole=True)
    put = reduce(b, combined(b, there, src, "mul"), [dim], False, "sum")
    if not adds:
        x = combined(b, x, opposite(b, reduce(b, there, [dim], False, "max")), "mul")
    return combined(b, put, x, "add")


def scatter_reduce(
    b: Builder, x: Any, dim: int, index: Any, src: Any, kind: str, *, include_self: bool
) -> Tensor:
    """x with what `index` sends to each place of a dimension reduced there (sum, mean, max or min), x itself
    included or not; where nothing comes, x stays."""
    rank = len(index.shape)
    if rank == 0:
        raise Unsupported("a scatter into a single number")
    dim %= rank
    shape = tuple(x.shape)
    if any(d != dim and n != m for d, (n, m) in enumerate(zip(index.shape, shape, strict=True))):
        raise Unsupported(f"a scatter of {index.shape} places into {shape}")

    def column(v: Any) -> Any:
        if isinstance(v, Tensor):
            return v.with_dims((*v.dims[: dim + 1], (), *v.dims[dim + 1 :]))
        return np.expand_dims(np.asarray(v, np.float32), dim + 1)

    for d, size in enumerate(index.shape):
        if size < src.shape[d]:
            src = (
                rows.take(b, src, d, 0, size, 1) if isinstance(src, Tensor) else src.take(np.arange(size), d)
            )
    numbers = np.arange(shape[dim], dtype=np.float32).reshape(-1, *[1] * (rank - dim - 1))
    if isinstance(index, Tensor):
        there: Any = compare(b, column(index), numbers, "eq", whole=True)
    else:
        there = np.asarray(column(index) == numbers, np.float32)
    if kind in ("sum", "mean"):
        made = reduce(b, combined(b, there, column(src), "mul"), [dim], False, "sum")
    else:  # elsewhere what the other extreme never is
        far = -MOST if kind == "max" else MOST
        if isinstance(there, Tensor):
            spread = select(b, there, column(src), far)
        else:
            spread = combined(b, combined(b, there, column(src), "mul"), (1 - there) * np.float32(far), "add")
        made = reduce(b, spread, [dim], False, kind)
    if isinstance(there, Tensor):
        count: Any = reduce(b, there, [dim], False, "sum")
        any_there: Any = b.unary(count, "clamp", 0, 1)
        none = opposite(b, any_there)
    else:
        count = np.broadcast_to(there, (*index.shape[: dim + 1], *shape[dim:])).sum(dim)
        any_there, none = np.minimum(count, 1), 1 - np.minimum(count, 1)
    if kind in ("max", "min"):
        return combined(b, made, x, kind) if include_self else _either(b, any_there, none, made, x)
    kept = x if include_self else combined(b, x, none, "mul") if isinstance(x, Tensor) else _times(b, x, none)
    total = combined(b, made, kept, "add")
    if kind == "sum":
        return total
    by = combined(b, count, np.float32(1), "add") if include_self and isinstance(count, Tensor) else count
    by = count + 1 if include_self and not isinstance(count, Tensor) else by
    by = b.binary_constant(by, "max", number(1)) if isinstance(by, Tensor) else np.maximum(by, 1)
    return combined(b, total, by, "div")


def _times(b: Builder, x: Any, y: Any) -> Any:
    return combined(b, x, y, "mul") if isinstance(x, Tensor) or isinstance(y, Tensor) else x * y


def _either(b: Builder, condition: Any, opposite_one: Any, x: Tensor, y: Any) -> Tensor:
    """x where the condition, computed or constant, is 1, y where its opposite is."""
    return combined(b, combined(b, x, condition, "mul"), _times(b, y, opposite_one), "add")


def combined(b: Builder, x: Any, y: Any, kind: str) -> Tensor:
    result = combine(b, x, y, kind)
    assert isinstance(result, Tensor)
    return result
