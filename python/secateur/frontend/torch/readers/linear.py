"""Linear layers and matrix products."""

from __future__ import annotations

import numpy as np

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import linear as lowering
from secateur.lowering import pairs, rows, unary
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce
from secateur.lowering.scores import Scores
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.statistics import vector_norm


@reads("linear.default")
def linear(b: Builder, a: Args) -> Tensor:
    bias, weight = a.maybe_const("bias"), a.const("weight")
    return lowering.contract(b, a.tensor("input"), -1, weight, bias)


@reads("addmm.default")
def addmm(b: Builder, a: Args) -> Tensor:
    if a.computed("self") or a.computed("mat2"):
        return _product_and_more(b, a, linear_product(b, a, "mat1", "mat2"))
    bias, matrix = a.const("self"), a.const("mat2")
    return lowering.affine_product(b, bias, a.tensor("mat1"), matrix, a.get("alpha", 1), a.get("beta", 1))


def linear_product(b: Builder, a: Args, left: str, right: str) -> Tensor:
    y = lowering.matmul(b, a.get(left), a.get(right))
    return rows.materialise(b, y) if isinstance(y, Scores) else y


def _product_and_more(b: Builder, a: Args, product: Tensor) -> Tensor:
    """``beta self + alpha product``"""
    beta, more = float(a.get("beta", 1)), a.get("self")
    y = unary.scaled(b, product, float(a.get("alpha", 1)))
    if beta == 0:
        return y
    more = unary.scaled(b, more, beta) if isinstance(more, Tensor) else more * np.float32(beta)
    return pairs.arithmetic(b, y, more, "add")


@reads("addmv.default")
def addmv(b: Builder, a: Args) -> Tensor:
    return _product_and_more(b, a, linear_product(b, a, "mat", "vec"))


@reads("addbmm.default")
def addbmm(b: Builder, a: Args) -> Tensor:
    """The products of a batch added up."""
    product = linear_product(b, a, "batch1", "batch2")
    return _product_and_more(b, a, reduce(b, product, [0], False, "sum"))


@reads("bilinear.default")
def bilinear(b: Builder, a: Args) -> Tensor:
    """``y[..., o] = sum_ij x[..., i] weight[o, i, j] z[..., j] + bias[o]``"""
    x, z, weight = a.tensor("input1"), a.tensor("input2"), a.const("weight")
    out, first, second = weight.shape
    wide = lowering.contract(b, x, -1, weight.swapaxes(1, 2).reshape(out * second, first), None)
    wide = reshape_tensor(b, wide, [*x.shape[:-1], out, second])
    parts = pairs.arithmetic(b, wide, z.with_dims((*z.dims[:-1], (), z.dims[-1])), "mul")
    y = reduce(b, parts, [-1], False, "sum")
    bias = a.maybe_const("bias")
    return y if bias is None else pairs.arithmetic(b, y, bias, "add")


@reads("dist.default")
def distance(b: Builder, a: Args) -> Tensor:
    off = pairs.arithmetic(b, a.get("self"), a.get("other"), "sub")
    return vector_norm(b, off, float(a.get("p")), [], False)


@reads("mm.default", "matmul.default", "bmm.default")
def matmul(b: Builder, a: Args) -> Tensor | Scores:
    return lowering.matmul(b, a.get("self"), a.get("mat2", a.get("other")))
