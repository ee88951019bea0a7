"""Features of tokens, by their numbers."""

from __future__ import annotations

from secateur.ir import options as o
from secateur.ir.types import WHOLE, Array
from secateur.lowering.axes import Tensor, laid_out, merge, whole
from secateur.lowering.builder import Builder
from secateur.lowering.numbers import as_floats


def embed(b: Builder, ids: Tensor, rows: Array) -> Tensor:
    """``rows[ids]``: the first dimension of several is the batch, the features are channels."""
    in_order = merge(atom for dim in ids.dims for atom in dim) == whole("R", ids.value.type.size)
    if ids.value.type.dtype in WHOLE and not in_order:
        ids = as_floats(b, ids)
    if ids.value.type.dtype not in WHOLE:  # computed: whole numbers held as f32
        ids = b.rows(ids, why="an embedding of computed numbers")
    batch = "B" * min(ids.rank - 1, 1)
    y = laid_out("", (*ids.shape, rows.shape[1]), batch + "P" * (ids.rank - len(batch)) + "C")
    return Tensor(b.emit("Embedding", [ids.value], y.value.type, o.EmbeddingOptions(rows=rows)), y.dims)
