"""Embeddings of token numbers."""

from __future__ import annotations

import numpy as np

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import embedding as lowering
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported


@reads("embedding.default")
def embedding(b: Builder, a: Args) -> Tensor:
    return lowering.embed(b, a.whole("indices"), a.const("weight"))


@reads("_embedding_bag.default", "_embedding_bag_forward_only.default")
def embedding_bag(b: Builder, a: Args) -> tuple[Tensor | None, ...]:
    """Bags of one size: sums, means or maxima of so many rows."""
    ids, offsets = a.whole("indices"), a.const("offsets").astype(np.int64)
    count = ids.shape[0]
    ends = offsets[1:] if a.get("include_last_offset") else np.append(offsets[1:], count)
    sizes = set((ends - offsets[: len(ends)]).tolist())
    if len(sizes) != 1 or a.has("per_sample_weights") or int(a.get("padding_idx", -1)) >= 0:
        raise Unsupported("an embedding bag of several sizes, with weights or with padding")
    size = sizes.pop()
    if offsets[0] != 0 or ends[-1] != count or size < 1:
        raise Unsupported("an embedding bag that leaves ids out")
    rows = lowering.embed(b, ids, a.const("weight"))
    bags = reshape_tensor(b, rows, [len(ends), size, rows.shape[-1]])
    kind = ("sum", "mean", "max")[int(a.get("mode", 0))]
    return (
        bags.with_dims((bags.dims[0], bags.dims[2])) if size == 1 else reduce(b, bags, [1], False, kind)
    ), None
