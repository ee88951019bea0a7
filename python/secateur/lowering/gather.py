"""Elements along a dimension chosen by constants: padding that repeats, flips, rolls, and any index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.lowering import rows
from secateur.lowering.axes import Tensor, resize
from secateur.lowering.builder import Builder
from secateur.lowering.join import concatenate
from secateur.lowering.resize import by_tables, chosen
from secateur.lowering.select import grid_for, on_rows_or_columns, take
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported, UnsupportedLayout


def gather(b: Builder, x: Tensor, dim: int, index: Sequence[int] | NDArray[Any]) -> Tensor:
    """``x[..., index, ...]`` along one logical dimension; an index may come again."""
    dim %= x.rank
    index = np.asarray(index, np.int64).reshape(-1)
    size = x.shape[dim]
    if not index.size or index.min() < -size or index.max() >= size:
        raise Unsupported(f"an index outside of a dimension of size {size}, or none")
    index = index % size
    steps = np.diff(index)
    if not steps.size or ((steps == steps[0]).all() and steps[0] > 0):
        return take(b, x, dim, int(index[0]), index.size, int(steps[0]) if steps.size else 1)
    if x.row_major or not x.dims[dim]:
        return rows.gather(b, x, dim, index, "an index of a dimension of size 1")
    if b.escape and not _in_planes(x, dim):
        return rows.gather(b, x, dim, index)
    if len(x.dims[dim]) != 1:
        x = b.channels_in(x, [dim], ordered=True)
    (atom,) = x.dims[dim]
    if atom.axis == "B":
        raise UnsupportedLayout(hint="an index along the batch")
    if atom.axis == "C":
        channels = np.arange(x.value.channels).reshape(-1, atom.size, atom.stride)
        value = b.select_channels(x, channels[:, index].reshape(-1))
    else:
        x = grid_for(b, x, atom)
        v = x.value
        on_rows, on_columns = chosen(range(v.height)), chosen(range(v.width))
        if atom.stride == 1 and atom.size == v.width:
            on_columns = chosen(index)
        else:
            on_rows = chosen(index)
        value = by_tables(b, v, on_rows, on_columns)
    return Tensor(value, resize(x.dims, atom, index.size))


def index(b: Builder, x: Tensor, given: Sequence[NDArray[Any] | None]) -> Tensor:
    """``x[i, :, j]`` with constant arrays of indices, which broadcast; a boolean one chooses what is true."""
    chosen: list[NDArray[Any] | None] = []
    for array in given:
        if array is not None and array.dtype == np.bool_:
            chosen.extend(np.nonzero(array))
        else:
            chosen.append(array)
    at = [d for d, array in enumerate(chosen) if array is not None]
    arrays = [np.asarray(chosen[d], np.int64) for d in at]
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    arrays = [array.reshape((1,) * (len(shape) - array.ndim) + array.shape) for array in arrays]
    owners = [[i for i, array in enumerate(arrays) if array.shape[axis] > 1] for axis in range(len(shape))]
    order = [owner[0] for owner in owners if owner]
    first, together = at[0], at == list(range(at[0], at[0] + len(at)))
    if all(len(owner) <= 1 for owner in owners) and order == sorted(order) and (together or first == 0):
        for d, array in zip(at, arrays, strict=True):
            x = gather(b, x, d, array.reshape(-1))
    else:  # one index of all these dimensions together
        sizes = [x.shape[d] for d in at]
        flat = np.zeros(shape, np.int64)
        for array, size in zip(arrays, sizes, strict=True):
            flat = flat * size + np.broadcast_to(array % size, shape)
        rest = [d for d in range(x.rank) if d not in at]
        to = first if together else 0
        x = x.with_dims(x.dims[d] for d in (*rest[:to], *at, *rest[to:]))
        x = reshape_tensor(b, x, [*x.shape[:to], int(np.prod(sizes)), *x.shape[to + len(at) :]])
        x, at, first = gather(b, x, to, flat.reshape(-1)), [to], to
    moved = [*(d for d in range(x.rank) if d < first), *at, *(d for d in range(first, x.rank) if d not in at)]
    x = x.with_dims(x.dims[d] for d in moved)
    return reshape_tensor(b, x, [*x.shape[:first], *shape, *x.shape[first + len(at) :]])


def put(b: Builder, x: Any, places: NDArray[Any], values: Any) -> Tensor:
    """x with `values` at constant places, numbered as its elements are in order; of one place twice the last
    value stays. x and values: computed or constant, not both constant."""
    size, count = int(np.prod(x.shape)), places.size
    source = np.arange(size)
    source[places.reshape(-1)] = size + np.arange(count)
    parts = [
        reshape_tensor(b, part, [-1])
        if isinstance(part, Tensor)
        else np.asarray(part, np.float32).reshape(-1)
        for part in (x, values)
    ]
    return reshape_tensor(b, gather(b, concatenate(b, parts, 0), 0, source), list(x.shape))


def _in_planes(x: Tensor, dim: int) -> bool:
    """Whether a dimension is channels, or rows or columns."""
    atoms = x.dims[dim]
    if {atom.axis for atom in atoms} == {"C"}:
        return len(atoms) == 1 or x.covers(atoms, "C")
    return len(atoms) == 1 and atoms[0].axis == "P" and on_rows_or_columns(x, atoms[0])


def padding_index(size: int, before: int, after: int, mode: str) -> NDArray[np.int64]:
    """The elements that a padded dimension holds; mode: reflect, replicate or circular.

    >>> padding_index(4, 2, 1, "reflect").tolist()
    [2, 1, 0, 1, 2, 3, 2]
    >>> padding_index(4, 2, 1, "circular").tolist()
    [2, 3, 0, 1, 2, 3, 0]
    """
    limit = {"reflect": size - 1, "circular": size}.get(mode)
    if limit is not None and max(before, after) > limit:
        raise Unsupported(f"{mode} padding of {max(before, after)} around {size} elements")
    at = np.arange(-before, size + after)
    if mode == "replicate":
        return np.clip(at, 0, size - 1)
    if mode == "circular":
        return at % size
    if mode != "reflect":
        raise Unsupported(f"padding of mode {mode!r}")
    return np.asarray(size - 1 - np.abs(size - 1 - np.abs(at)))


def pad(b: Builder, x: Tensor, pads: dict[int, tuple[int, int]], mode: str) -> Tensor:
    """Logical dimensions padded with their own elements; negative amounts cut."""
    for dim, (before, after) in pads.items():
        cut = max(-before, 0), x.shape[dim] - max(-after, 0)
        x = take(b, x, dim, cut[0], cut[1] - cut[0])
        if before > 0 or after > 0:
            x = gather(b, x, dim, padding_index(x.shape[dim], max(before, 0), max(after, 0), mode))
    return x


def flip(b: Builder, x: Tensor, dims: list[int]) -> Tensor:
    for dim in dims:
        x = gather(b, x, dim, np.arange(x.shape[dim])[::-1])
    return x


def roll(b: Builder, x: Tensor, shifts: list[int], dims: list[int]) -> Tensor:
    """Elements moved on by `shifts`, those beyond the end to the front."""
    if not dims:  # of all elements as a line
        line = roll(b, reshape_tensor(b, x, [-1]), shifts, [0])
        return reshape_tensor(b, line, list(x.shape))
    for shift, dim in zip(shifts, dims, strict=True):
        if shift % x.shape[dim]:
            x = gather(b, x, dim, np.roll(np.arange(x.shape[dim]), shift))
    return x


def windows(b: Builder, x: Tensor, dim: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements, `step` apart, along a dimension: the place in a window comes last."""
    if x.rank == 0:
        x = x.with_dims(((),))
    dim %= x.rank
    count = (x.shape[dim] - size) // step + 1
    at = np.arange(count)[:, None] * step + np.arange(size)
    x = gather(b, x, dim, at)
    y = reshape_tensor(b, x, [*x.shape[:dim], count, size, *x.shape[dim + 1 :]])
    return y.with_dims((*y.dims[: dim + 1], *y.dims[dim + 2 :], y.dims[dim + 1]))
