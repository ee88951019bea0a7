"""Comparisons, logic, counts and places: on whole numbers and truth values, which are held as f32."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import binary, integers, order, rounding
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce
from secateur.lowering.scores import Scores
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported

_COMPARISONS = {
    f"{kind}.{overload}": kind
    for kind in ("eq", "ne", "lt", "le", "gt", "ge")
    for overload in ("Scalar", "Tensor")
}
_LOGIC = {
    "logical_and.default": "and",
    "bitwise_and.Tensor": "and",
    "__and__.Tensor": "and",
    "logical_or.default": "or",
    "bitwise_or.Tensor": "or",
    "__or__.Tensor": "or",
    "logical_xor.default": "xor",
    "bitwise_xor.Tensor": "xor",
    "__xor__.Tensor": "xor",
}


def _whole(a: Args, *names: str) -> bool:
    return not any(a.dtype(name).is_floating_point for name in names)


@reads(*_COMPARISONS)
def comparison(b: Builder, a: Args) -> Tensor:
    x, y = a.get("self"), a.get("other")
    return integers.compare(b, x, y, _COMPARISONS[a.target], whole=_whole(a, "self", "other"))


@reads(*_LOGIC)
def logic(b: Builder, a: Args) -> Tensor:
    names = ("self", "other")
    if not a.target.startswith("logical") and any(a.dtype(name) != torch.bool for name in names):
        raise Unsupported("logic of bits")
    x, y = (_truth(b, a, name) for name in names)
    kind = _LOGIC[a.target]
    if kind == "xor":
        return integers.compare(b, x, y, "ne", whole=True)
    return integers.both(b, x, y) if kind == "and" else integers.either(b, x, y)


@reads("logical_not.default", "bitwise_not.default")
def opposite(b: Builder, a: Args) -> Tensor:
    if a.dtype("self") != torch.bool and a.target == "bitwise_not.default":  # -1 - x
        return b.binary_constant(a.tensor("self"), "sub", binary.number(-1), True)
    return integers.opposite(b, _truth(b, a, "self"))


def _truth(b: Builder, a: Args, name: str) -> Any:
    """A truth value, or whether a number is not 0."""
    x = a.get(name)
    if a.dtype(name) == torch.bool:
        return x
    return integers.truth(b, x, whole=_whole(a, name)) if isinstance(x, Tensor) else np.asarray(x) != 0


@reads("isnan.default", "isinf.default", "isfinite.default")
def kind_of_number(b: Builder, a: Args) -> Tensor:
    return integers.special(b, a.tensor("self"), a.target.removesuffix(".default"))


@reads("nan_to_num.default")
def nan_to_num(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    y = order.where_not_nan(b, x, float(a.get("nan") or 0))
    y = b.unary(y, "clamp", -integers.LARGEST, integers.LARGEST)
    for name, kind in (("posinf", "gt"), ("neginf", "lt")):
        if a.has(name):
            there = integers.both(
                b, integers.special(b, x, "isinf"), integers.compare(b, y, 0.0, kind, whole=False)
            )
            y = integers.select(b, there, float(a.get(name)), y)
    return y


@reads("signbit.default")
def is_negative(b: Builder, a: Args) -> Tensor:
    """The sign of a zero does not count."""
    return integers.compare(b, 0.0, a.tensor("self"), "gt", whole=_whole(a, "self"))


@reads("any.dim", "any.default", "any.dims", "all.dim", "all.default", "all.dims")
def any_or_all(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    if a.dtype("self") != torch.bool:
        x = integers.truth(b, x, whole=_whole(a, "self"))
    kind = "max" if a.target.startswith("any") else "min"
    return reduce(b, x, a.ints("dim") if a.has("dim") else [], bool(a.get("keepdim")), kind)


@reads("cumsum.default")
def cumulative_sum(b: Builder, a: Args) -> Tensor:
    return integers.cumulative_sum(b, a.tensor("self"), int(a.get("dim")))


@reads("__lshift__.Scalar", "bitwise_left_shift.Tensor_Scalar")
def shifted_up(b: Builder, a: Args) -> Tensor:
    return b.binary_constant(a.tensor("self"), "mul", binary.number(2.0 ** int(a.get("other"))))


@reads("__rshift__.Scalar", "bitwise_right_shift.Tensor_Scalar")
def shifted_down(b: Builder, a: Args) -> Tensor:
    return integers.divided(b, a.tensor("self"), 2 ** int(a.get("other")), floor=True)


@reads("__and__.Scalar", "bitwise_and.Scalar")
def lowest_bits(b: Builder, a: Args) -> Tensor:
    """Of a number with bits set from the lowest up to some."""
    bits = int(a.get("other"))
    if a.dtype("self") == torch.bool or bits < 1 or bits & (bits + 1):
        raise Unsupported("logic of bits, but of the lowest ones")
    return integers.remainder(b, a.tensor("self"), bits + 1)


@reads("argmax.default", "argmin.default")
def place(b: Builder, a: Args) -> Tensor:
    """Without a dimension, that in the row of all elements."""
    x = a.tensor("self")
    if a.target == "argmin.default":
        x = binary.negative(b, x)
    if a.has("dim"):
        return integers.arg_max(b, x, int(a.get("dim")), bool(a.get("keepdim")))
    at = integers.arg_max(b, reshape_tensor(b, x, [-1]), 0, False)
    return at.with_dims(((),) * x.rank) if a.get("keepdim") else at


def _whole_divisor(a: Args) -> int | None:
    """The number by which whole numbers are divided, where that is what the call does."""
    by = a.get("other")
    by = by.reshape(-1)[0].item() if isinstance(by, np.ndarray) and by.size == 1 else by
    return int(by) if _whole(a, "self", "other") and isinstance(by, (int, float)) and by >= 1 else None


@reads("div.Tensor_mode", "div.Scalar_mode", "floor_divide.default", "floor_divide.Scalar")
def whole_division(b: Builder, a: Args) -> Tensor | Scores:
    if a.target.startswith("div") and not a.has("rounding_mode"):
        return binary.linear_combination(b, a.get("self"), a.get("other"), "div", 1)
    floor = not a.target.startswith("div") or a.get("rounding_mode") == "floor"
    by = _whole_divisor(a)
    if by is None:
        return rounding.divided(b, a.get("self"), a.get("other"), floor=floor)
    return integers.divided(b, a.tensor("self"), by, floor=floor)


@reads("remainder.Scalar", "remainder.Tensor", "remainder.Scalar_Tensor")
def remainder(b: Builder, a: Args) -> Tensor:
    by = _whole_divisor(a)
    if by is None:
        return rounding.left(b, a.get("self"), a.get("other"), floor=True)
    return integers.remainder(b, a.tensor("self"), by)
