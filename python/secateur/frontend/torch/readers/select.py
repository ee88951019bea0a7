"""Slices, splits, concatenations and padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import gather, join, pad, select, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder


def _nothing(x: Tensor, dim: int) -> torch.Tensor:
    """No elements of x, whatever they are: a constant. Concatenations leave it out."""
    dim %= x.rank
    return torch.zeros(*x.shape[:dim], 0, *x.shape[dim + 1 :])


@reads("slice.Tensor")
def slice_(b: Builder, a: Args) -> Tensor | torch.Tensor:
    x, dim, step = a.tensor("self"), int(a.get("dim", 0)), a.get("step", 1)
    if not range(x.shape[dim])[slice(a.get("start"), a.get("end"), step)]:
        return _nothing(x, dim)
    return select.take_range(b, x, dim, a.get("start"), a.get("end"), step)


@reads("narrow.default")
def narrow(b: Builder, a: Args) -> Tensor | torch.Tensor:
    x, dim, start, length = a.tensor("self"), int(a.get("dim")), int(a.get("start")), int(a.get("length"))
    first = start + x.shape[dim] if start < 0 else start
    return select.take(b, x, dim, first, length) if length else _nothing(x, dim)


@reads("select.int")
def select_(b: Builder, a: Args) -> Tensor:
    return select.pick(b, a.tensor("self"), int(a.get("dim")), int(a.get("index")))


@reads("unbind.int")
def unbind(b: Builder, a: Args) -> list[Tensor]:
    return select.unbind(b, a.tensor("self"), int(a.get("dim", 0)))


@reads("split.Tensor", "chunk.default")
def split(b: Builder, a: Args) -> list[Tensor]:
    x, dim = a.tensor("self"), int(a.get("dim", 0))
    total = x.shape[dim]
    size = -(-total // int(a.get("chunks"))) if a.target == "chunk.default" else int(a.get("split_size"))
    return select.split(b, x, dim, select.equal_parts(total, size))


@reads("split_with_sizes.default", "split.sizes")
def split_with_sizes(b: Builder, a: Args) -> list[Any]:
    sizes = a.ints("split_sizes") or a.ints("split_size")
    x, dim = a.tensor("self"), int(a.get("dim", 0))
    parts = iter(select.split(b, x, dim, [size for size in sizes if size]))
    return [next(parts) if size else _nothing(x, dim) for size in sizes]


@reads("cat.default", "concat.default")
def cat(b: Builder, a: Args) -> Tensor:
    return join.concatenate(b, a.tensors("tensors"), int(a.get("dim", 0)))


@reads("slice_scatter.default", "select_scatter.default")
def put_into(b: Builder, a: Args) -> Tensor:
    """What `x[:, 2:5] = y` and `x[:, 3] = y` leave in x."""
    x: Any = a.tensor("self") if a.computed("self") else a.get("self")
    part: Any = a.tensor("src") if a.computed("src") else a.get("src")
    dim = int(a.get("dim", 0))
    if a.target.startswith("select"):
        start, count, step = int(a.get("index")) % x.shape[dim], 1, 1
        part = shape.unsqueeze(part, dim % len(x.shape)) if a.computed("src") else np.expand_dims(part, dim)
    else:
        start, stop, step = slice(a.get("start"), a.get("end"), a.get("step")).indices(x.shape[dim])
        count = len(range(start, stop, step))
    result = join.replaced(b, x, part, dim, start, count, step)
    assert isinstance(result, Tensor)
    return result


@reads("constant_pad_nd.default", "pad.default")
def pad_(b: Builder, a: Args) -> Tensor:
    x, amounts = a.tensor("self"), a.ints("pad")
    pads = {x.rank - 1 - i: (amounts[2 * i], amounts[2 * i + 1]) for i in range(len(amounts) // 2)}
    if a.get("mode", "constant") != "constant":
        return gather.pad(b, x, pads, str(a.get("mode")))
    return pad.pad_dims(b, x, pads, float(a.get("value") or 0))


_PADS = {
    f"{mode}_pad{rank}d.default": given
    for rank in (1, 2)
    for mode, given in (("reflection", "reflect"), ("replication", "replicate"))
}


@reads(*_PADS)
def pad_by_elements(b: Builder, a: Args) -> Tensor:
    x, amounts = a.tensor("self"), a.ints("padding")
    pads = {x.rank - 1 - i: (amounts[2 * i], amounts[2 * i + 1]) for i in range(len(amounts) // 2)}
    return gather.pad(b, x, pads, _PADS[a.target])


@reads("repeat.default", "tile.default")
def repeat(b: Builder, a: Args) -> Tensor:
    x, times = a.tensor("self"), a.ints("repeats") or a.ints("dims")
    times = [1] * (x.rank - len(times)) + times
    for _ in range(len(times) - x.rank):
        x = shape.unsqueeze(x, 0)
    for dim, count in enumerate(times):
        x = x if count == 1 else join.concatenate(b, [x] * count, dim)
    return x
