"""Inputs of integers and truth values, and what they are as f32: whole numbers are exact up to 2^24."""

from __future__ import annotations

from typing import Any

from secateur.ir import options as o
from secateur.ir import planes
from secateur.ir.types import WHOLE
from secateur.lowering.axes import Atom, Tensor
from secateur.lowering.builder import Builder


def is_whole(x: Any) -> bool:
    """An integer or boolean input as it was passed, or a view of one."""
    return isinstance(x, Tensor) and x.value.type.dtype in WHOLE


def as_floats(b: Builder, x: Tensor) -> Tensor:
    """The numbers of an integer or boolean input as f32."""
    if not is_whole(x):
        return x
    if x.value not in b.as_floats:
        size = x.value.type.size
        b.as_floats[x.value] = b.emit("Embedding", [x.value], planes(1, 1, 1, size), o.EmbeddingOptions())
    dims = (tuple(Atom("P", atom.size, atom.stride) for atom in dim) for dim in x.dims)
    return Tensor(b.as_floats[x.value], tuple(dims))
