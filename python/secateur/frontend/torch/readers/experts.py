"""Mixtures of experts: what sorts rows by expert, counts them and multiplies each run by its own matrix."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import experts
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


@reads("histc.default")
def histogram(b: Builder, a: Args) -> Tensor:
    low, high = a.number("min"), a.number("max")
    if low >= high:
        raise Unsupported("a histogram between the least and the largest element")
    return experts.histogram(b, a.tensor("self"), int(a.get("bins")), low, high)


@reads("transformers.grouped_mm_fallback.default", "_grouped_mm.default")
def grouped_product(b: Builder, a: Args) -> Tensor:
    own = a.target.startswith("_")
    x, matrices = ("self", "mat2") if own else ("input", "weight")
    if own and (a.has("bias") or not a.has("offs")):
        raise Unsupported("a grouped product with a bias, or of groups that are stacked")
    return experts.by_runs(b, a.tensor(x), a.const(matrices), a.tensor("offs"))
