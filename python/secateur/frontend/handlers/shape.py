"""Operators that only rename or reorder dimensions: they rewrite the axis map and emit nothing."""

from __future__ import annotations

import dataclasses
import math

import torch

from secateur.frontend.axes import Tensor, regroup
from secateur.frontend.builder import Builder
from secateur.frontend.registry import Args, Scores, Unsupported, handles


def reshape(x: Tensor, shape: list[int]) -> Tensor:
    total = math.prod(x.shape)
    if -1 in shape:
        known = -math.prod(shape)
        shape = [total // known if s == -1 else s for s in shape]
    dims = regroup(x.dims, shape)
    if dims is None:
        raise Unsupported(f"a reshape of {x.shape} to {tuple(shape)} that cuts across its dimensions")
    return x.with_dims(dims)


@handles("view.default", "reshape.default", "_unsafe_view.default")
def view(b: Builder, a: Args) -> Tensor | Scores:
    shape = a.ints("size") or a.ints("shape")
    x = a.get("self")
    if isinstance(x, Scores):
        return _reshape_scores(x, shape)
    return reshape(a.tensor("self"), shape)


def _reshape_scores(x: Scores, shape: list[int]) -> Scores:
    """Batch and heads merged or split; the last two dims stay."""
    if tuple(shape[-2:]) != x.shape[-2:]:
        raise Unsupported("attention scores reshaped")
    return dataclasses.replace(x, shape=tuple(shape))


@handles("flatten.using_ints")
def flatten(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    start, end = int(a.get("start_dim", 0)) % x.rank, int(a.get("end_dim", -1)) % x.rank
    return reshape(x, [*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]])


@handles("unflatten.int")
def unflatten(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    dim = int(a.get("dim")) % x.rank
    sizes = a.ints("sizes")
    if -1 in sizes:
        sizes = [x.shape[dim] // -math.prod(sizes) if s == -1 else s for s in sizes]
    return reshape(x, [*x.shape[:dim], *sizes, *x.shape[dim + 1 :]])


@handles("permute.default")
def permute(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    return x.with_dims(x.dims[d % x.rank] for d in a.ints("dims"))


@handles("transpose.int", "swapaxes.default", "t.default", "mT.default")
def transpose(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    first, second = int(a.get("dim0", a.get("axis0", 0))), int(a.get("dim1", a.get("axis1", 1)))
    if a.target == "mT.default":
        first, second = -2, -1
    if x.rank < 2:
        return x
    dims = list(x.dims)
    dims[first], dims[second] = dims[second], dims[first]
    return x.with_dims(dims)


@handles("squeeze.default", "squeeze.dim", "squeeze.dims")
def squeeze(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    chosen = {d % x.rank for d in a.ints("dim")} if a.get("dim") is not None else set(range(x.rank))
    return x.with_dims(dim for d, dim in enumerate(x.dims) if d not in chosen or dim)


@handles("unsqueeze.default")
def unsqueeze(b: Builder, a: Args) -> Tensor:
    x = a.tensor("self")
    at = int(a.get("dim")) % (x.rank + 1)
    return x.with_dims((*x.dims[:at], (), *x.dims[at:]))


@handles("expand.default")
def expand(b: Builder, a: Args) -> Tensor | Scores:
    x, size = a.get("self"), a.ints("size")
    shape = x.shape if isinstance(x, Scores) else a.tensor("self").shape
    padded = (1,) * (len(size) - len(shape)) + tuple(shape)
    if any(new not in (-1, old) for new, old in zip(size, padded, strict=True)):
        raise Unsupported(f"an expansion of {tuple(shape)} to {tuple(size)} of a computed tensor")
    if isinstance(x, Scores):
        return x
    x = a.tensor("self")
    return x.with_dims(((),) * (len(size) - x.rank) + x.dims)


@handles(
    "clone.default",
    "contiguous.default",
    "alias.default",
    "detach.default",
    "lift_fresh_copy.default",
    "view_as.default",
)
def same(b: Builder, a: Args) -> Tensor | Scores:
    x = a.get("self")
    return x if isinstance(x, Scores) else a.tensor("self")


@handles("dropout.default", "feature_dropout.default", "native_dropout.default", "alpha_dropout.default")
def dropout(b: Builder, a: Args) -> Tensor | Scores:
    if a.get("train") and float(a.get("p", 0)) != 0:
        raise Unsupported("dropout in training mode: call model.eval() before exporting")
    x = a.get("input")
    return x if isinstance(x, Scores) else a.tensor("input")


@handles("_to_copy.default", "to.dtype", "to.device", "to.dtype_layout")
def to(b: Builder, a: Args) -> Tensor | Scores:
    if a.get("dtype") not in (None, torch.float32):
        raise Unsupported(f"a conversion to {a.get('dtype')}")
    x = a.get("self")
    return x if isinstance(x, Scores) else a.tensor("self")


@handles("_assert_tensor_metadata.default")
def metadata(b: Builder, a: Args) -> None:
    return None
