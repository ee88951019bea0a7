"""Operators that only rename or reorder dimensions, and those that do nothing at inference."""

from __future__ import annotations

from typing import Any

import torch

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import integers, rounding, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.complex import Complex
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Unsupported


@reads("view.default", "reshape.default", "_unsafe_view.default")
def view(b: Builder, a: Args) -> Tensor | Scores:
    return shape.reshape(b, a.tensor_or_scores("self"), a.ints("size") or a.ints("shape"))


@reads("flatten.using_ints")
def flatten(b: Builder, a: Args) -> Tensor:
    return shape.flatten(b, a.whole("self"), int(a.get("start_dim", 0)), int(a.get("end_dim", -1)))


@reads("unflatten.int")
def unflatten(b: Builder, a: Args) -> Tensor:
    return shape.unflatten(b, a.whole("self"), int(a.get("dim")), a.ints("sizes"))


@reads("permute.default")
def permute(b: Builder, a: Args) -> Tensor:
    return shape.permute(a.whole("self"), a.ints("dims"))


@reads("transpose.int", "swapaxes.default", "t.default")
def transpose(b: Builder, a: Args) -> Tensor:
    first, second = int(a.get("dim0", a.get("axis0", 0))), int(a.get("dim1", a.get("axis1", 1)))
    return shape.swap(a.whole("self"), first, second)


@reads("mT.default")
def matrix_transpose(b: Builder, a: Args) -> Tensor:
    return shape.swap(a.whole("self"), -2, -1)


@reads("squeeze.default", "squeeze.dim", "squeeze.dims")
def squeeze(b: Builder, a: Args) -> Tensor:
    return shape.squeeze(a.whole("self"), None if a.get("dim") is None else a.ints("dim"))


@reads("unsqueeze.default")
def unsqueeze(b: Builder, a: Args) -> Tensor:
    return shape.unsqueeze(a.whole("self"), int(a.get("dim")))


@reads("expand.default")
def expand(b: Builder, a: Args) -> Tensor | Scores:
    return shape.expand(b, a.tensor_or_scores("self"), a.ints("size"))


@reads("view_as.default")
def view_as(b: Builder, a: Args) -> Tensor | Scores:
    other = a.get("other")
    return shape.reshape(b, a.tensor_or_scores("self"), list(other.shape))


@reads("expand_as.default")
def expand_as(b: Builder, a: Args) -> Any:
    size = list(a.tensor_or_scores("other").shape) if a.computed("other") else list(a.given("other").shape)
    if not a.computed("self"):
        return a.given("self").expand(size)
    return shape.expand(b, a.tensor_or_scores("self"), size)


@reads(
    "clone.default",
    "contiguous.default",
    "alias.default",
    "detach.default",
    "lift_fresh_copy.default",
)
def same(b: Builder, a: Args) -> Tensor | Scores:
    return a.tensor_or_scores("self")


@reads("item.default", "_local_scalar_dense.default")
def item(b: Builder, a: Args) -> Tensor:
    """The number of a tensor of one element, where numbers are computed with."""
    return shape.reshape_tensor(b, a.tensor("self"), [])


@reads("copy.default")
def copy(b: Builder, a: Args) -> Tensor | Scores:
    """What `buffer.copy_(src)` leaves in the buffer."""
    return shape.expand(b, a.tensor_or_scores("src"), list(a.given("self").shape))


@reads("dropout.default", "feature_dropout.default", "native_dropout.default", "alpha_dropout.default")
def dropout(b: Builder, a: Args) -> Tensor | Scores:
    if a.get("train") and float(a.get("p", 0)) != 0:
        raise Unsupported("dropout in training mode: call model.eval() before exporting")
    return a.tensor_or_scores("input")


_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@reads("_to_copy.default", "to.dtype", "to.device", "to.dtype_layout", "type_as.default", "to.other")
def to(b: Builder, a: Args) -> Any:
    """Whole numbers and truth values are held as f32 already; only what changes a number is computed."""
    if not a.computed("self"):  # a constant, to the type of what is computed
        return a.given("self").to(a.dtype("other"))
    if a.get("dtype") in (torch.complex64,):
        return Complex(a.tensor("self"))
    x, have = a.tensor_or_scores("self"), a.dtype("self")
    other = next((name for name in ("other",) if a.has(name)), None)
    want = a.get("dtype") or (a.dtype(other) if other else have)
    if want == have or (want == torch.float32 and isinstance(x, Scores)):
        return x
    if want == torch.bool:
        return integers.truth(b, a.tensor("self"), whole=not have.is_floating_point)
    if want in (torch.float32, torch.float64):  # whoever computes in float64 gets float32's precision
        return a.tensor("self")
    if want in _WHOLE:
        return rounding.trunc(b, a.tensor("self")) if have.is_floating_point else x
    raise Unsupported(f"a conversion to {want}")


@reads("_assert_tensor_metadata.default")
def metadata(b: Builder, a: Args) -> None:
    return None
