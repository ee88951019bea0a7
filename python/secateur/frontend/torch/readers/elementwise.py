"""Arithmetic between tensors, numbers and constants."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import binary
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores

_KINDS = {
    "add.Tensor": "add",
    "add.Scalar": "add",
    "sub.Tensor": "sub",
    "sub.Scalar": "sub",
    "mul.Tensor": "mul",
    "mul.Scalar": "mul",
    "div.Tensor": "div",
    "div.Scalar": "div",
    "maximum.default": "max",
    "minimum.default": "min",
    "max.other": "max",
    "min.other": "min",
    "fmax.default": "max",
    "fmin.default": "min",
}


@reads(*_KINDS)
def arithmetic(b: Builder, a: Args) -> Tensor | Scores:
    kind = _KINDS[a.target]
    return binary.linear_combination(b, a.get("self"), a.get("other"), kind, a.get("alpha", 1))


@reads("rsub.Scalar", "rsub.Tensor")
def rsub(b: Builder, a: Args) -> Tensor | Scores:
    return binary.linear_combination(b, a.get("other"), a.tensor("self"), "sub", a.get("alpha", 1))


@reads("neg.default")
def neg(b: Builder, a: Args) -> Tensor:
    return binary.negative(b, a.tensor("self"))


@reads("reciprocal.default")
def reciprocal(b: Builder, a: Args) -> Tensor:
    return binary.reciprocal(b, a.tensor("self"))


@reads("lerp.Scalar")
def lerp(b: Builder, a: Args) -> Tensor | Scores:
    x, weight = a.tensor("self"), float(a.get("weight"))
    return binary.linear_combination(b, x, binary.combine(b, a.get("end"), x, "sub"), "add", weight)
