"""Elements of an image at computed places: grid sampling, bilinear.

The weight of row h at a place y is max(0, 1 - |y - h|), and of columns alike, so that the weights of all
elements are a product of two small ones, and the samples a product of matrices. What lies outside weighs 0.
It takes a multiplication for each element of the image and each sample, so that it suits small images.
"""

from __future__ import annotations

import numpy as np

from secateur.ir.types import Array
from secateur.lowering import rows
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, number
from secateur.lowering.builder import Builder
from secateur.lowering.constant import constant
from secateur.lowering.linear import contract
from secateur.lowering.select import pick
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported, UnsupportedLayout


def _factors(size: int, align_corners: bool) -> tuple[float, float]:
    """(factor, shift) from -1 ... 1 to rows or columns."""
    return ((size - 1) / 2, (size - 1) / 2) if align_corners else (size / 2, (size - 1) / 2)


def tents(places: Array, size: int, align_corners: bool, clamp: bool) -> Array:
    """Weights [..., size] of the elements around each place from -1 to 1.

    >>> tents(np.float32([0.0, 1.0]), 2, False, False).tolist()
    [[0.5, 0.5], [0.0, 0.5]]
    """
    factor, shift = _factors(size, align_corners)
    at = places.astype(np.float64) * factor + shift
    at = np.clip(at, 0, size - 1) if clamp else at
    weights: Array = np.maximum(0, 1 - np.abs(at[..., None] - np.arange(size))).astype(np.float32)
    return weights


def _computed_tents(b: Builder, places: Tensor, size: int, align_corners: bool, clamp: bool) -> Tensor:
    factor, shift = _factors(size, align_corners)
    at = b.binary_constant(b.binary_constant(places, "mul", number(factor)), "add", number(shift))
    if clamp:
        at = b.unary(at, "clamp", 0, size - 1)
    at = at.with_dims((*at.dims, ()))
    off = b.unary(rows.broadcast(b, at, np.arange(size, dtype=np.float32), "sub"), "abs")
    return b.unary(b.binary_constant(off, "sub", number(1), True), "relu")


def grid_sample(b: Builder, x: Tensor, grid: Tensor | Array, *, align_corners: bool, clamp: bool) -> Tensor:
    """``x`` [B, C, H, W] at ``grid`` [B, R, S, 2], places (column, row) from -1 to 1: [B, C, R, S].

    clamp: places outside are those at the border; else they are 0.
    """
    if x.rank != 4 or len(grid.shape) != 4:
        raise Unsupported("grid sampling of anything but images")
    batch, channels, height, width = x.shape
    _, down, along, _ = grid.shape
    flat = reshape_tensor(b, x, [batch, channels, height * width])
    if not isinstance(grid, Tensor) and (grid != grid[:1]).any():
        grid = constant(b, x, grid)  # places for each item: weights for each would be a large file
    if not isinstance(grid, Tensor):
        columns = tents(grid[0, ..., 0].reshape(-1), width, align_corners, clamp)
        lines = tents(grid[0, ..., 1].reshape(-1), height, align_corners, clamp)
        weights = (lines[:, :, None] * columns[:, None, :]).reshape(len(lines), -1)
        return reshape_tensor(b, contract(b, flat, -1, weights, None), [batch, channels, down, along])
    if not b.escape:
        raise UnsupportedLayout("grid sampling at computed places")
    columns_at, lines_at = (pick(b, b.rows(grid), 3, i) for i in range(2))
    wide = _computed_tents(b, columns_at, width, align_corners, clamp)
    high = _computed_tents(b, lines_at, height, align_corners, clamp)
    wide = wide.with_dims((*wide.dims[:-1], (), wide.dims[-1]))
    both = combine(b, high.with_dims((*high.dims, ())), wide, "mul")
    assert isinstance(both, Tensor)
    weighted = reshape_tensor(b, both, [batch, down * along, height * width])
    y = rows.product(b, flat, weighted, transposed=True)
    return reshape_tensor(b, y, [batch, channels, down, along])
