"""Rounding, and divisions and remainders of numbers that are rounded."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import rounding as lowering
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder


@reads("floor.default", "ceil.default", "trunc.default", "frac.default")
def rounded(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    if not a.dtype("self").is_floating_point:
        return x
    if a.target == "floor.default":
        return b.unary(x, "floor")
    functions = {"ceil": lowering.ceil, "trunc": lowering.trunc, "frac": lowering.fraction}
    return functions[a.target.removesuffix(".default")](b, x)


@reads("round.default", "round.decimals")
def round_(b: Builder, a: Args) -> Tensor:
    return lowering.rounded(b, a.tensor("self"), int(a.get("decimals", 0)))


@reads("fmod.Scalar", "fmod.Tensor")
def fmod(b: Builder, a: Args) -> Tensor:
    return lowering.left(b, a.get("self"), a.get("other"), floor=False)
