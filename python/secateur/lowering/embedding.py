"""Features of tokens, by their numbers."""

from __future__ import annotations

from secateur.ir import DType
from secateur.ir import options as o
from secateur.ir.types import Array
from secateur.lowering.axes import Tensor, laid_out, merge, whole
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


def embed(b: Builder, ids: Tensor, rows: Array) -> Tensor:
    """``rows[ids]``: the first dimension of several is the batch, the features are channels."""
    if ids.value.type.dtype not in (DType.I32, DType.I64):
        raise Unsupported("an embedding of computed numbers")
    if merge(atom for dim in ids.dims for atom in dim) != whole("R", ids.value.type.size):
        raise Unsupported("an embedding of numbers in another order than they are passed")
    batch = "B" * min(ids.rank - 1, 1)
    y = laid_out("", (*ids.shape, rows.shape[1]), batch + "P" * (ids.rank - len(batch)) + "C")
    return Tensor(b.emit("Embedding", [ids.value], y.value.type, o.EmbeddingOptions(rows=rows)), y.dims)
