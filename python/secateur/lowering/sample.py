"""Elements of an image or a volume at computed places: grid sampling.

The weight of row h at a place y is max(0, 1 - |y - h|) where it is bilinear, and of columns alike, so that
the weights of all elements are a product of small ones, and the samples a product of matrices. What lies
outside weighs 0. It takes a multiplication for each element of the image and each sample, so that it suits
small images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from secateur.ir.types import Array
from secateur.lowering import rows
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, number, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.constant import constant
from secateur.lowering.integers import compare
from secateur.lowering.linear import contract
from secateur.lowering.select import pick
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported, UnsupportedLayout

_CUBIC = -0.75  # Keys (1981) with the slope that PyTorch takes


@dataclass(frozen=True)
class Sampling:
    """mode: linear, nearest or cubic. outside: zeros, border or reflection: what lies beyond the elements."""

    mode: str = "linear"
    outside: str = "zeros"
    align_corners: bool = False

    def check(self) -> None:
        if self.mode == "cubic" and self.outside != "zeros":
            raise Unsupported("bicubic grid sampling with anything but zeros outside")


def _factors(size: int, align_corners: bool) -> tuple[float, float]:
    """(factor, shift) from -1 ... 1 to rows or columns."""
    return ((size - 1) / 2, (size - 1) / 2) if align_corners else (size / 2, (size - 1) / 2)


def _reflected(at: Any, size: int, align_corners: bool, floor: Any) -> Any:
    """Places mirrored at both ends until they lie between: those of the outer elements, or their edges."""
    low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
    if span == 0:
        return at * 0.0
    far = abs(at - low)
    far = far - floor(far / (2 * span)) * (2 * span)
    return span - abs(far - span) + low


def weights_at(places: Array, size: int, how: Sampling) -> Array:
    """Weights [..., size] of the elements around each place from -1 to 1.

    >>> weights_at(np.float32([0.0, 1.0]), 2, Sampling()).tolist()
    [[0.5, 0.5], [0.0, 0.5]]
    """
    factor, shift = _factors(size, how.align_corners)
    at = places.astype(np.float64) * factor + shift
    if how.outside == "reflection":
        at = _reflected(at, size, how.align_corners, np.floor)
    at = at if how.outside == "zeros" else np.clip(at, 0, size - 1)
    if how.mode == "nearest":
        return np.asarray(np.rint(at)[..., None] == np.arange(size), np.float32)
    d = np.abs(at[..., None] - np.arange(size))
    if how.mode == "linear":
        return np.asarray(np.maximum(0, 1 - d), np.float32)
    return np.asarray(_inner(np.minimum(d, 1)) + _outer(np.clip(d, 1, 2)), np.float32)


def _inner(d: Any) -> Any:
    """The kernel of cubic convolution for distances up to 1: 0 there."""
    return ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1


def _outer(d: Any) -> Any:
    """The same between 1 and 2: 0 at both."""
    return ((_CUBIC * d - 5 * _CUBIC) * d + 8 * _CUBIC) * d - 4 * _CUBIC


def _computed_weights(b: Builder, places: Tensor, size: int, how: Sampling) -> Tensor:
    factor, shift = _factors(size, how.align_corners)
    at = b.binary_constant(b.binary_constant(places, "mul", number(factor)), "add", number(shift))
    if how.outside == "reflection":
        at = _computed_reflection(b, at, size, how.align_corners)
    if how.outside != "zeros":
        at = b.unary(at, "clamp", 0, size - 1)
    at = at.with_dims((*at.dims, ()))
    numbers = np.arange(size, dtype=np.float32)
    if how.mode == "nearest":
        return compare(b, b.unary(at, "round"), numbers, "eq", whole=True)
    off = b.unary(rows.broadcast(b, at, numbers, "sub"), "abs")
    if how.mode == "linear":
        return b.unary(b.binary_constant(off, "sub", number(1), True), "relu")
    near, far = b.unary(off, "clamp", 0, 1), b.unary(off, "clamp", 1, 2)
    inner = _polynomial(b, near, (_CUBIC + 2, -(_CUBIC + 3), 0, 1))
    return two_tensors(b, inner, _polynomial(b, far, (_CUBIC, -5 * _CUBIC, 8 * _CUBIC, -4 * _CUBIC)), "add")


def _polynomial(b: Builder, x: Tensor, factors: tuple[float, ...]) -> Tensor:
    y = b.binary_constant(x, "mul", number(factors[0]))
    for i, factor in enumerate(factors[1:]):
        y = y if factor == 0 else b.binary_constant(y, "add", number(factor))
        y = y if i == len(factors) - 2 else two_tensors(b, y, x, "mul")
    return y


def _computed_reflection(b: Builder, at: Tensor, size: int, align_corners: bool) -> Tensor:
    """`_reflected` of a computed tensor."""
    low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
    if span == 0:
        return b.binary_constant(at, "mul", number(0))
    far = b.unary(b.binary_constant(at, "sub", number(low)), "abs")
    turns = b.unary(b.binary_constant(far, "mul", number(1 / (2 * span))), "floor")
    far = two_tensors(b, far, b.binary_constant(turns, "mul", number(2 * span)), "sub")
    off = b.unary(b.binary_constant(far, "sub", number(span)), "abs")
    return b.binary_constant(off, "sub", number(span + low), True)


def grid_sample(b: Builder, x: Tensor, grid: Tensor | Array, how: Sampling) -> Tensor:
    """``x`` [B, C, H, W] at ``grid`` [B, R, S, 2], places (column, row) from -1 to 1: [B, C, R, S]; and alike
    [B, C, D, H, W] at [B, Q, R, S, 3]."""
    how.check()
    n = x.rank - 2
    if n not in (2, 3) or len(grid.shape) != x.rank:
        raise Unsupported("grid sampling of anything but images and volumes")
    batch, channels, *sizes = x.shape
    out = list(grid.shape[1:-1])
    flat = reshape_tensor(b, x, [batch, channels, math.prod(sizes)])
    if not isinstance(grid, Tensor) and (grid != grid[:1]).any():
        grid = constant(b, x, grid)  # places for each item: weights for each would be a large file
    if not isinstance(grid, Tensor):
        weights = np.ones((math.prod(out), 1), np.float32)
        for axis, size in enumerate(sizes):
            own = weights_at(grid[0, ..., n - 1 - axis].reshape(-1), size, how)
            weights = (weights[:, :, None] * own[:, None, :]).reshape(len(weights), -1)
        return reshape_tensor(b, contract(b, flat, -1, weights, None), [batch, channels, *out])
    if not b.escape:
        raise UnsupportedLayout("grid sampling at computed places")
    lines = b.rows(grid)
    both: Any = None
    for axis, size in enumerate(sizes):
        each = _computed_weights(b, pick(b, lines, n + 1, n - 1 - axis), size, how)
        each = reshape_tensor(b, each, [batch, math.prod(out), size])
        if both is None:
            both = each
            continue
        each = each.with_dims((*each.dims[:-1], (), each.dims[-1]))
        both = combine(b, both.with_dims((*both.dims, ())), each, "mul")
        both = reshape_tensor(b, both, [batch, math.prod(out), -1])
    y = rows.product(b, flat, both, transposed=True)
    return reshape_tensor(b, y, [batch, channels, *out])
