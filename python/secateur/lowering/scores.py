"""``q k^T`` on its way through scale, mask and softmax to ``@ v``: one Attention operator in the end."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from secateur.ir.types import Array
from secateur.lowering.axes import Tensor
from secateur.lowering.unsupported import UnsupportedForm

ELSEWHERE = "a product of two computed tensors is taken in softmax(q @ k^T) @ v only"


@dataclass(frozen=True)
class Scores:
    """A product of two computed tensors, kept symbolic until its softmax meets its values."""

    q: Tensor
    k: Tensor
    shape: tuple[int, ...]
    scale: float = 1.0
    mask: Array | None = None
    normalised: bool = False


def product(left: Any, right: Any) -> Scores:
    """``q @ k^T`` of two computed tensors."""
    if (
        not isinstance(left, Tensor)
        or not isinstance(right, Tensor)
        or left.rank != right.rank
        or left.rank < 2
        or left.shape[:-2] != right.shape[:-2]
    ):
        raise UnsupportedForm(ELSEWHERE)
    k = right.with_dims((*right.dims[:-2], right.dims[-1], right.dims[-2]))
    return Scores(left, k, (*left.shape[:-1], right.shape[-1]))


def scaled(scores: Scores, factor: float) -> Scores:
    if scores.normalised:
        raise UnsupportedForm("attention weights changed after their softmax")
    mask = None if scores.mask is None else scores.mask * np.float32(factor)
    return dataclasses.replace(scores, scale=scores.scale * factor, mask=mask)


def masked(scores: Scores, mask: Array) -> Scores:
    """``scores + mask``"""
    if scores.normalised:
        raise UnsupportedForm("attention weights changed after their softmax")
    if any(size != 1 for size in mask.shape[:-2]):  # of these heads, whatever they are reshaped to
        mask = np.broadcast_to(mask, scores.shape)
    total = mask if scores.mask is None else scores.mask + mask
    return dataclasses.replace(scores, mask=total)


def masked_fill(scores: Any, mask: Any, value: float) -> Scores:
    """`value` where the boolean mask is true: taken where it stands for minus infinity."""
    if not isinstance(scores, Scores) or value > -1e4:
        raise UnsupportedForm("masked_fill is taken on attention scores with a large negative value only")
    return masked(scores, np.where(mask, np.float32(-np.inf), np.float32(0)))


def normalised(scores: Scores, dim: int) -> Scores:
    """The softmax over the keys."""
    if dim % len(scores.shape) != len(scores.shape) - 1 or scores.normalised:
        raise UnsupportedForm("a softmax over the queries")
    return dataclasses.replace(scores, normalised=True)


def arithmetic(left: Any, right: Any, kind: str) -> Scores:
    """A scale or a mask on scores."""
    scores, other = (left, right) if isinstance(left, Scores) else (right, left)
    if isinstance(other, np.ndarray) and other.size == 1:
        other = float(other.reshape(()))
    if isinstance(other, (int, float)) and kind == "mul":
        return scaled(scores, float(other))
    if isinstance(other, (int, float)) and kind == "div" and scores is left:
        return scaled(scores, 1 / float(other))
    if isinstance(other, np.ndarray) and kind == "add":
        return masked(scores, other.astype(np.float32))  # a boolean one adds 0 and 1
    raise UnsupportedForm("attention scores take a scale and a constant mask only")


def reshaped(scores: Scores, shape: list[int]) -> Scores:
    """Batch and heads merged or split; the last two dims stay."""
    if tuple(shape[-2:]) != scores.shape[-2:]:
        raise UnsupportedForm("attention scores reshaped")
    mask = scores.mask
    if mask is not None and mask.ndim > 2 and mask.shape == scores.shape:
        mask = mask.reshape(shape)
    return dataclasses.replace(scores, shape=tuple(shape), mask=mask)
