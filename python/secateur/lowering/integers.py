"""Integers and truth values at run time, held as f32: whole numbers are exact up to 2^24, true is 1, false 0.

What is compared, counted and masked then runs on the kernels of arithmetic. The frontend says which values
are whole: it knows the dtypes that the source has.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur.ir.types import Array
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, number
from secateur.lowering.builder import Builder
from secateur.lowering.embedding import embed
from secateur.lowering.linear import contract
from secateur.lowering.numbers import as_floats
from secateur.lowering.reduce import reduce
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unary import sign
from secateur.lowering.unsupported import Unsupported

# What a masked score is lowered by, and stands for minus infinity: finite, since 0 times it is to be 0.
MOST = 3.0e38


def _arithmetic(b: Builder, x: Any, y: Any, kind: str) -> Tensor:
    result = combine(b, x, y, kind)
    assert isinstance(result, Tensor)
    return result


def opposite(b: Builder, x: Tensor) -> Tensor:
    """``not x``"""
    return b.binary_constant(x, "sub", number(1), True)


def truth(b: Builder, x: Tensor, *, whole: bool) -> Tensor:
    """``x != 0``"""
    return b.unary(b.unary(x if whole else sign(b, x), "abs"), "clamp", 0, 1)


def compare(b: Builder, x: Any, y: Any, kind: str, *, whole: bool) -> Tensor:
    """``x kind y``, kind: eq, ne, lt, le, gt or ge. whole: both are whole numbers."""
    if kind in ("lt", "le"):
        return compare(b, y, x, {"lt": "gt", "le": "ge"}[kind], whole=whole)
    if kind in ("eq", "ge"):
        swapped = (y, x) if kind == "ge" else (x, y)
        return opposite(b, compare(b, *swapped, {"eq": "ne", "ge": "gt"}[kind], whole=whole))
    off = _arithmetic(b, x, y, "sub")
    if kind == "ne":
        return truth(b, off, whole=whole)
    return b.unary(off if whole else sign(b, off), "clamp", 0, 1)


def both(b: Builder, x: Any, y: Any) -> Tensor:
    """``x and y`` of truth values."""
    return _arithmetic(b, x, y, "mul")


def either(b: Builder, x: Any, y: Any) -> Tensor:
    """``x or y`` of truth values."""
    return _arithmetic(b, x, y, "max")


def added_mask(b: Builder, mask: Tensor) -> Tensor:
    """What is added to scores: 0 where the mask is true, else what stands for minus infinity."""
    return b.binary_constant(b.binary_constant(mask, "sub", number(1)), "mul", number(MOST))


def select(b: Builder, condition: Tensor, x: Any, y: Any) -> Tensor:
    """``x`` where the condition, computed, is true, ``y`` elsewhere; either may be a number or a constant."""
    parts = [(condition, x), (opposite(b, condition), y)]
    result: Tensor | None = None
    for chosen, value in parts:
        if not isinstance(value, Tensor):
            value = np.clip(np.asarray(value, np.float32), -MOST, MOST)
            if not value.any():
                continue
        part = _arithmetic(b, chosen, value, "mul")
        result = part if result is None else _arithmetic(b, result, part, "add")
    return result if result is not None else b.binary_constant(condition, "mul", number(0))


# Adding it leaves of a float of up to 2^22 the nearest whole number; the sum lies between 2^23 and 2^24.
_WHOLE = 1.5 * 2.0**23


def divided(b: Builder, x: Tensor, by: int, *, floor: bool) -> Tensor:
    """``x // by`` of whole numbers up to 2^22, rounded down, or (`floor` false) towards zero.

    The whole number nearest to x / by less one half is the floor, or, by rounding, next to it: what it leaves
    of x, which is exact, says which.
    """
    if by < 1:
        raise Unsupported(f"a whole division by {by}")
    if by == 1:
        return x
    if not floor:
        sizes = divided(b, b.unary(x, "abs"), by, floor=True)
        return _arithmetic(b, sizes, b.unary(x, "clamp", -1, 1), "mul")
    off = b.binary_constant(b.binary_constant(x, "div", number(by)), "sub", number(0.5 - 0.5 / by))
    near = b.unary(b.binary_constant(off, "add", number(_WHOLE)), "clamp", 2.0**23, 2.0**24)
    near = b.binary_constant(near, "sub", number(_WHOLE))
    left = _arithmetic(b, x, b.binary_constant(near, "mul", number(by)), "sub")
    above = b.unary(b.binary_constant(left, "sub", number(by - 1)), "clamp", 0, 1)
    below = b.unary(left, "clamp", -1, 0)
    return _arithmetic(b, near, _arithmetic(b, above, below, "add"), "add")


def remainder(b: Builder, x: Tensor, by: int) -> Tensor:
    """``x mod by`` of whole numbers up to 2^22, from 0 on."""
    whole = b.binary_constant(divided(b, x, by, floor=True), "mul", number(by))
    return _arithmetic(b, x, whole, "sub")


def cumulative_sum(b: Builder, x: Tensor, dim: int) -> Tensor:
    """The sum of all elements up to each: a product with a triangle of ones."""
    size = x.shape[dim % x.rank]
    return contract(b, x, dim, np.tril(np.ones((size, size), np.float32)), None)


def one_hot(b: Builder, index: Tensor, size: int) -> Tensor:
    """A last dimension of that size, 1 where its number is the index."""
    places = np.arange(size, dtype=np.float32)
    return compare(b, index.with_dims((*index.dims, ())), places, "eq", whole=True)


def arg_max(b: Builder, x: Tensor, dim: int, keepdim: bool) -> Tensor:
    """The first place of the largest element: the least place, those of others moved beyond all."""
    dim %= x.rank
    size = x.shape[dim]
    off = compare(b, x, reduce(b, x, [dim], True, "max"), "ne", whole=False)
    beyond = b.binary_constant(off, "mul", number(size))
    places = np.arange(size, dtype=np.float32).reshape(-1, *[1] * (x.rank - dim - 1))
    return reduce(b, _arithmetic(b, beyond, places, "add"), [dim], keepdim, "min")


def look_up(b: Builder, index: Tensor, table: Array) -> Tensor:
    """``table[index]``: a constant's rows, or elements, by numbers from 0 on."""
    rows = table.reshape(table.shape[0], -1)
    y = embed(b, index, np.ascontiguousarray(rows, np.float32))
    if table.ndim == 1:
        return y.with_dims(y.dims[:-1])
    return reshape_tensor(b, y, [*index.shape, *table.shape[1:]])


def look_up_along(b: Builder, index: Tensor, dim: int, table: Array) -> Tensor:
    """``y[..., i, ...] = table[..., index[..., i, ...], ...]`` along one dimension of a constant."""
    dim %= table.ndim
    stride = int(np.prod(table.shape[dim + 1 :]))
    where = np.arange(table.size, dtype=np.float32).reshape(table.shape).take([0], dim)
    where = where[tuple(slice(1 if d == dim else size) for d, size in enumerate(index.shape))]
    flat = _arithmetic(b, b.binary_constant(as_floats(b, index), "mul", number(stride)), where, "add")
    return look_up(b, flat, table.reshape(-1))


LARGEST = float(np.finfo(np.float32).max)


def special(b: Builder, x: Tensor, kind: str) -> Tensor:
    """isfinite, isinf or isnan of each number. 0 times it is 0 or NaN, and NaN reads row 0 of a table."""
    clamped = b.unary(x, "clamp", -LARGEST, LARGEST)  # of what is infinite a number, of NaN itself
    numbers = [x] if kind == "isfinite" else [clamped] if kind == "isnan" else [x, clamped]
    are = [
        look_up(
            b,
            b.binary_constant(b.binary_constant(v, "mul", number(0)), "add", number(1)),
            np.array([0, 1], np.float32),
        )
        for v in numbers
    ]
    if kind == "isinf":
        return _arithmetic(b, are[1], are[0], "sub")
    return are[0] if kind == "isfinite" else opposite(b, are[0])


def row_of(table: Array, dim: int) -> Array | None:
    """A constant that varies along one dimension alone, as that; None where it varies along others."""
    moved = np.moveaxis(table, dim, -1).reshape(-1, table.shape[dim])
    first: Array = moved[0]
    return first if (moved == first).all() else None
