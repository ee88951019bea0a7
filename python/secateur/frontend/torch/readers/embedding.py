"""Embeddings of token numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur.frontend.torch.registry import Args, reads
from secateur.ir.types import Array
from secateur.lowering import embedding as lowering
from secateur.lowering import integers, join, linear, pairs, select
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import number
from secateur.lowering.builder import Builder
from secateur.lowering.constant import constant
from secateur.lowering.numbers import as_floats as numbers_of
from secateur.lowering.reduce import reduce
from secateur.lowering.rows import materialise
from secateur.lowering.scores import Scores
from secateur.lowering.shape import reshape_tensor, unsqueeze


@reads("embedding.default")
def embedding(b: Builder, a: Args) -> Tensor:
    return lowering.embed(b, a.whole("indices"), a.const("weight"))


@reads("_embedding_bag.default", "_embedding_bag_forward_only.default")
def embedding_bag(b: Builder, a: Args) -> tuple[Tensor | None, ...]:
    """Sums, means or maxima of rows: those of bags of one size together, others by a mask."""
    ids = a.whole("indices")
    if a.computed("offsets"):
        return _bags_by_mask(b, a, ids, a.tensor("offsets")), None
    offsets = a.const("offsets").astype(np.int64)
    count = ids.shape[0]
    ends = offsets[1:] if a.get("include_last_offset") else np.append(offsets[1:], count)
    sizes = set((ends - offsets[: len(ends)]).tolist())
    plain = not a.has("per_sample_weights") and int(a.get("padding_idx", -1)) < 0
    if len(sizes) != 1 or not plain or offsets[0] != 0 or ends[-1] != count or 0 in sizes:
        return _bags_by_mask(b, a, ids, offsets.astype(np.float32)), None
    size = sizes.pop()
    rows = lowering.embed(b, ids, a.const("weight"))
    bags = reshape_tensor(b, rows, [len(ends), size, rows.shape[-1]])
    kind = ("sum", "mean", "max")[int(a.get("mode", 0))]
    return (
        bags.with_dims((bags.dims[0], bags.dims[2])) if size == 1 else reduce(b, bags, [1], False, kind)
    ), None


def _bags_by_mask(b: Builder, a: Args, ids: Tensor, offsets: Tensor | Array) -> Tensor:
    """Row j is in bag i where ``offsets[i] <= j < offsets[i + 1]``: bags of any sizes, [bags, features]."""
    count = ids.shape[0]
    end = np.full(1, count, np.float32)
    bags = offsets.shape[0] - bool(a.get("include_last_offset"))
    if isinstance(offsets, Tensor):
        first: Any = select.take(b, offsets, 0, 0, bags)
        rest = select.take(b, offsets, 0, 1, offsets.shape[0] - 1) if offsets.shape[0] > 1 else None
        ends: Any = rest
        if offsets.shape[0] == bags:
            ends = end if rest is None else join.concatenate(b, [rest, end], 0)
        first = unsqueeze(first, 1)
        ends = unsqueeze(ends, 1) if isinstance(ends, Tensor) else ends[:, None]
    else:
        ends = np.append(offsets[1:], end)[:bags, None]
        first = offsets[:bags, None]
    numbers = np.arange(count, dtype=np.float32)
    if isinstance(first, Tensor):
        inside: Any = integers.compare(b, numbers, first, "ge", whole=True)
        inside = integers.both(b, inside, integers.compare(b, ends, numbers, "gt", whole=True))
    else:
        inside = ((numbers >= first) & (numbers < ends)).astype(np.float32)
    padding = int(a.get("padding_idx", -1))
    if padding >= 0:
        whole = integers.compare(b, numbers_of(b, ids), float(padding), "ne", whole=True)
        inside = integers.both(b, inside, whole)
    rows = lowering.embed(b, ids, a.const("weight"))
    if a.has("per_sample_weights"):
        weights = a.get("per_sample_weights")
        column = unsqueeze(weights, 1) if isinstance(weights, Tensor) else weights[:, None]
        rows = pairs.arithmetic(b, rows, column, "mul")
    mode = int(a.get("mode", 0))
    if mode == 2:
        if not isinstance(inside, Tensor):
            inside = constant(b, rows, inside)
        each = integers.select(b, unsqueeze(inside, 2), unsqueeze(rows, 0), -integers.MOST)
        some = unsqueeze(reduce(b, inside, [1], False, "max"), 1)
        return pairs.arithmetic(b, reduce(b, each, [1], False, "max"), some, "mul")
    y = linear.matmul(b, inside, rows)
    y = materialise(b, y) if isinstance(y, Scores) else y
    if mode == 0:
        return y
    if isinstance(inside, Tensor):
        total: Any = b.binary_constant(reduce(b, inside, [1], True, "sum"), "max", number(1))
    else:
        total = np.maximum(inside.sum(1, keepdims=True), 1)
    return pairs.arithmetic(b, y, total, "div")
