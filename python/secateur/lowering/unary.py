"""Activation functions: one Unary operator each, fused into its producer by a pass."""

from __future__ import annotations

import math

from secateur.ir.types import Array
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


def clip(b: Builder, x: Tensor, low: float, high: float) -> Tensor:
    """``min(max(x, low), high)``"""
    if low == 0 and high == math.inf:
        return b.unary(x, "relu")
    return b.unary(x, "clamp", low, high)


def prelu(b: Builder, x: Tensor, slope: Array) -> Tensor:
    """``x`` where positive, ``slope x`` elsewhere."""
    slope = slope.reshape(-1)
    if (slope != slope[0]).any():
        raise Unsupported("a PReLU with a different slope per channel")
    return b.unary(x, "leaky_relu", float(slope[0]))
