"""Computed complex numbers: how they are made, arithmetic of them, and views, part by part."""

from __future__ import annotations

from typing import Any

import torch

from secateur.frontend.torch.registry import READERS, Args, reads, reads_complex
from secateur.lowering import complex as lowering
from secateur.lowering import pairs, trigonometry
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.complex import Complex
from secateur.lowering.select import pick

# What moves, adds or averages elements: the same of the real and of the imaginary parts.
_PART_BY_PART = """
alias.default clone.default copy.default contiguous.default detach.default _to_copy.default
view.default reshape.default _unsafe_view.default permute.default transpose.int t.default
squeeze.dim squeeze.dims squeeze.default unsqueeze.default flatten.using_ints unflatten.int
expand.default slice.Tensor select.int narrow.default index_select.default index.Tensor flip.default
roll.default cat.default stack.default repeat.default constant_pad_nd.default slice_scatter.default
select_scatter.default split.Tensor split_with_sizes.default chunk.default unbind.int sum.default
sum.dim_IntList mean.default mean.dim neg.default lift_fresh_copy.default
"""


@reads_complex(*_PART_BY_PART.split())
def part_by_part(b: Builder, a: Args) -> Any:
    bound = {name: a.given(name) for name in a.names}
    results = []
    for at in (0, 1):
        chosen = {name: _part(b, value, at) for name, value in bound.items()}
        results.append(READERS[a.target](b, a.with_bound(chosen)))
    real, imaginary = results
    if isinstance(real, (list, tuple)):
        return [Complex(x, y) for x, y in zip(real, imaginary, strict=True)]
    return Complex(real, imaginary)


def _part(b: Builder, value: Any, at: int) -> Any:
    if isinstance(value, (list, tuple)):
        of_numbers = any(isinstance(part, Complex) for part in value)
        return [_part(b, _as_number(part) if of_numbers else part, at) for part in value]
    if isinstance(value, Complex):
        return value.real if at == 0 else lowering.imaginary(b, value)
    if isinstance(value, torch.Tensor) and value.is_complex():
        return (value.real, value.imag)[at]
    return value


def _as_number(part: Any) -> Any:
    """What stands beside complex numbers as one."""
    if isinstance(part, torch.Tensor):
        return part.to(torch.complex64)
    return Complex(part) if isinstance(part, Tensor) else part


@reads_complex("mul.Tensor", "mul.Scalar")
def times(b: Builder, a: Args) -> Complex:
    result: Complex = lowering.product(b, a.parts("self"), a.parts("other"))
    return result


@reads_complex("mm.default", "bmm.default", "matmul.default")
def matrix_product(b: Builder, a: Args) -> Complex:
    x, y = a.names
    result: Complex = lowering.product(b, a.parts(x), a.parts(y), matrices=True)
    return result


@reads_complex("div.Tensor", "div.Scalar")
def over(b: Builder, a: Args) -> Complex:
    return lowering.quotient(b, a.parts("self"), a.parts("other"))


@reads_complex("zeros_like.default")
def zeros(_: Builder, a: Args) -> torch.Tensor:
    return torch.zeros(a.complex("self").shape, dtype=torch.complex64)


@reads_complex("add.Tensor", "add.Scalar", "sub.Tensor", "sub.Scalar")
def plus(b: Builder, a: Args) -> Complex:
    other, factor = a.parts("other"), a.get("alpha", 1) * (-1 if a.target.startswith("sub") else 1)
    return lowering.total(b, a.parts("self"), lowering.product(b, other, (factor, None)))


@reads("view_as_complex.default")
def view_as_complex(b: Builder, a: Args) -> Complex:
    x = a.tensor("self")
    return Complex(*(pick(b, x, x.rank - 1, at) for at in (0, 1)))


@reads("complex.default")
def of_parts(b: Builder, a: Args) -> Complex:
    return Complex(a.tensor("real"), a.tensor("imag"))


@reads("polar.default")
def of_angle(b: Builder, a: Args) -> Complex:
    """``size e^(i angle)``"""
    size, angle = a.get("abs"), a.get("angle")
    waves = (pairs.of_one(b, angle, kind) for kind in ("cos", "sin"))
    return Complex(*(pairs.arithmetic(b, size, wave, "mul") for wave in waves))


@reads("_conj.default", "conj.default", "_conj_physical.default", "conj_physical.default")
def conjugate(b: Builder, a: Args) -> Complex:
    return lowering.conjugate(b, a.complex("self"))


@reads("resolve_conj.default", "resolve_neg.default")
def itself(b: Builder, a: Args) -> Any:
    return a.given("self")


@reads("angle.default")
def angle(b: Builder, a: Args) -> Tensor:
    x = a.complex("self")
    return trigonometry.atan2(b, lowering.imaginary(b, x), x.real)
