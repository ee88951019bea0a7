"""Linear layers and matrix products."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import linear as lowering
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores


@reads("linear.default")
def linear(b: Builder, a: Args) -> Tensor:
    bias, weight = a.maybe_const("bias"), a.const("weight")
    return lowering.contract(b, a.tensor("input"), -1, weight, bias)


@reads("addmm.default")
def addmm(b: Builder, a: Args) -> Tensor:
    bias, matrix = a.const("self"), a.const("mat2")
    return lowering.affine_product(b, bias, a.tensor("mat1"), matrix, a.get("alpha", 1), a.get("beta", 1))


@reads("mm.default", "matmul.default", "bmm.default")
def matmul(b: Builder, a: Args) -> Tensor | Scores:
    return lowering.matmul(b, a.get("self"), a.get("mat2", a.get("other")))
