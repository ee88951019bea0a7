"""Resampling at any places and with any kernel, dimension by dimension, in the terms of ONNX.

The kernels are those of linear and of cubic interpolation (Keys, 1981), stretched by antialiasing where
fewer elements come out than go in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secateur.ir.types import Array
from secateur.lowering import linear
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.resize import Table, by_tables, chosen
from secateur.lowering.unsupported import Unsupported

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One dimension: its sizes, how much larger it becomes, and the part of it that is read where the places
    are relative to one (`crop`)."""

    size: int
    out: int
    scale: float
    crop: tuple[float, float] = (0.0, 1.0)


def places(axis: Axis, mode: str) -> Doubles:
    """Where in the input each element of the output lies; modes as ONNX's
    coordinate_transformation_mode.

    >>> places(Axis(2, 4, 2.0), "half_pixel").tolist()
    [-0.25, 0.25, 0.75, 1.25]
    """
    at = np.arange(axis.out, dtype=np.float64)
    if mode == "half_pixel":
        return (at + 0.5) / axis.scale - 0.5
    if mode == "pytorch_half_pixel":
        return (at + 0.5) / axis.scale - 0.5 if axis.out > 1 else at * 0
    if mode == "half_pixel_symmetric":
        share = axis.out / (axis.scale * axis.size)
        return axis.size / 2 * (1 - share) + (at + 0.5) / axis.scale - 0.5
    if mode == "align_corners":
        return at * (axis.size - 1) / (axis.out - 1) if axis.out > 1 else at * 0
    if mode == "asymmetric":
        return at / axis.scale
    if mode == "tf_crop_and_resize":
        start, end = axis.crop
        if axis.out == 1:
            return np.array([(start + end) * (axis.size - 1) / 2])
        return start * (axis.size - 1) + at * (end - start) * (axis.size - 1) / (axis.out - 1)
    raise Unsupported(f"the coordinates {mode!r}")


_ROUNDINGS: dict[str, Callable[[Doubles], Doubles]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def nearest(axis: Axis, mode: str, rounding: str) -> Table:
    """The element nearest to each place."""
    if rounding not in _ROUNDINGS:
        raise Unsupported(f"the rounding {rounding!r}")
    return chosen(np.clip(_ROUNDINGS[rounding](places(axis, mode)), 0, axis.size - 1).astype(np.int64))


def weighted(axis: Axis, mode: str, cubic: float | None, antialias: bool, inside_only: bool) -> Table:
    """Sums of the elements around each place: linear, or cubic with that slope."""
    at = places(axis, mode)
    first = np.floor(at)
    stretch = min(axis.scale, 1.0) if antialias else 1.0
    reach = 1 if cubic is None else 2
    start = math.floor(-reach / stretch) + 1
    offsets = np.arange(start, 2 - start, dtype=np.float64)
    distance = np.abs(offsets[None, :] - (at - first)[:, None]) * stretch
    weight = np.clip(1 - distance, 0, 1) if cubic is None else _keys(distance, cubic)
    index = first[:, None] + offsets[None, :]
    if inside_only:
        weight = np.where((index >= 0) & (index < axis.size), weight, 0)
    if inside_only or antialias:
        weight = weight / weight.sum(axis=1, keepdims=True)
    inside = np.asarray(np.clip(index, 0, axis.size - 1), np.uint32)
    return inside.reshape(-1), np.asarray(weight, np.float32).reshape(-1), offsets.size


def _keys(d: Doubles, a: float) -> Doubles:
    inner = ((a + 2) * d - (a + 3)) * d * d + 1
    outer = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, inner, np.where(d < 2, outer, 0))


def matrix(table: Table, size: int) -> Array:
    """The table of a dimension of that size as [out, size] weights."""
    index, weight, taps = table
    at = index.reshape(-1, taps).astype(np.int64)
    out = np.zeros((len(at), size), np.float32)
    values = np.ones(at.shape, np.float32) if weight is None else weight.reshape(at.shape)
    np.add.at(out, (np.arange(len(at))[:, None], at), values)
    return out


def resample(b: Builder, x: Tensor, tables: Mapping[int, Table]) -> Tensor:
    """Dimensions as sums of their elements: rows and columns together, any other by a matrix."""
    spatial = list(range(2, x.rank)) if x.rank in (3, 4) else []
    on_grid = {dim: table for dim, table in tables.items() if dim in spatial}
    for dim, table in tables.items():
        if dim not in on_grid:
            x = linear.contract(b, x, dim, matrix(table, x.shape[dim]), None)
    if not on_grid:
        return x
    x = b.on_grid(b.channels_in(x, [spatial[0] - 1]), spatial)
    same = [chosen(range(size)) for size in (x.value.height, x.value.width)]
    both = [on_grid.get(dim, same[at - len(spatial)]) for at, dim in enumerate(spatial)]
    rows, columns = both if len(both) == 2 else [same[0], *both]
    return b.on_new_grid(x, by_tables(b, x.value, rows, columns), spatial, None)
