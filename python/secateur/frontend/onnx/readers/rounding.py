"""Rounding, and remainders."""

from __future__ import annotations

import numpy as np

from secateur.frontend.onnx.readers.elementwise import operand
from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import integers, rounding
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder


@reads("Floor", "Ceil", "Round")
def rounded(b: Builder, a: Args) -> Tensor:
    return rounding.ceil(b, a.floats()) if a.op == "Ceil" else b.unary(a.floats(), a.op.lower())


@reads("Mod")
def remainder(b: Builder, a: Args) -> Tensor:
    """With the sign of the divisor or, by `fmod`, of what is divided."""
    by, floor = operand(a, 1), not a.integer("fmod")
    if floor and a.whole(0, 1) and isinstance(by, np.ndarray) and by.size == 1 and by.item() >= 1:
        return integers.remainder(b, a.floats(), int(by.item()))
    return rounding.left(b, operand(a, 0), by, floor=floor)
