"""Constants that take nothing but the shape and the dtype of a computed tensor."""

from __future__ import annotations

import torch

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering.builder import Builder


@reads("sym_size.int")
def size(b: Builder, a: Args) -> int:
    return a.tensor_or_scores("self").shape[int(a.get("dim"))]


_FILLS = {"zeros": 0, "ones": 1}


@reads(
    "zeros_like.default",
    "ones_like.default",
    "full_like.default",
    "new_zeros.default",
    "new_ones.default",
    "new_full.default",
)
def constant(b: Builder, a: Args) -> torch.Tensor:
    x = a.tensor_or_scores("self")
    size = a.ints("size") if a.target.startswith("new_") else list(x.shape)
    fill = next((value for name, value in _FILLS.items() if name in a.target), None)
    return torch.full(
        size, a.get("fill_value") if fill is None else fill, dtype=a.get("dtype") or a.dtype("self")
    )
