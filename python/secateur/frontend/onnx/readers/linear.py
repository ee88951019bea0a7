"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import binary, linear, shape
from secateur.lowering import einsum as lowering
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores


@reads("MatMul")
def matmul(b: Builder, a: Args) -> Tensor | Scores:
    left, right = (a.value(i) if isinstance(a.raw(i), (np.ndarray, Scores)) else a.floats(i) for i in (0, 1))
    return linear.matmul(b, left, right)


@reads("Gemm")
def gemm(b: Builder, a: Args) -> Tensor | Scores:
    """``alpha A B + beta C``, either matrix transposed or not."""
    alpha, beta = a.number("alpha", 1), a.number("beta", 1)
    left, right = _turned(a.value(0), a.integer("transA")), a.value(1)
    bias = a.value(2)
    if isinstance(left, Tensor) and isinstance(right, np.ndarray):
        weight = right if a.integer("transB") else right.T
        if alpha != 1:
            weight = weight * np.float32(alpha)
        row = _row(bias, weight.shape[0])
        if row is not None and beta != 1:
            row = row * np.float32(beta)
        y: Any = linear.contract(b, left, -1, np.ascontiguousarray(weight), row)
        return y if row is not None or bias is None else _plus(b, y, bias, beta)
    y = linear.matmul(b, left, _turned(right, a.integer("transB")))
    if alpha != 1:
        y = binary.combine(b, y, alpha, "mul")
    return y if bias is None else _plus(b, y, bias, beta)


def _turned(x: Any, transposed: int) -> Any:
    if not transposed:
        return x
    return shape.permute(x, [1, 0]) if isinstance(x, Tensor) else np.ascontiguousarray(x.T)


def _row(bias: Any, columns: int) -> Any:
    """A constant that adds the same to every row, as one number for each column."""
    if not isinstance(bias, np.ndarray) or (bias.ndim == 2 and bias.shape[0] != 1):
        return None
    return np.ascontiguousarray(np.broadcast_to(bias.reshape(-1), (columns,)))


def _plus(b: Builder, y: Any, bias: Any, beta: float) -> Tensor | Scores:
    return binary.linear_combination(b, y, bias, "add", beta)


@reads("Einsum")
def einsum(b: Builder, a: Args) -> Any:
    computed = [i for i in range(a.count) if not isinstance(a.raw(i), (np.ndarray, Scores))]
    operands = [a.floats(i) if i in computed else a.value(i) for i in range(a.count)]
    return lowering.einsum(b, a.text("equation"), operands)
