"""Slices, splits, concatenations, padding, and elements chosen by indices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import gather, integers, join, order, pad, select, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.numbers import as_floats
from secateur.lowering.unsupported import Unsupported


@reads("Slice")
def slice_(b: Builder, a: Args) -> Tensor | NDArray[np.float32]:
    """Starts, ends, axes and steps are operands from opset 10 on. Nothing of a tensor is a constant."""
    x = a.floats()
    if a.opset < 10:
        starts, ends = a.ints("starts") or [], a.ints("ends") or []
        axes, steps = a.ints("axes"), [1] * len(starts)
    else:
        starts, ends = a.ints_of(1), a.ints_of(2)
        axes = a.ints_of(3) if a.has(3) else None
        steps = a.ints_of(4) if a.has(4) else [1] * len(starts)
    for axis, start, end, step in zip(axes or range(len(starts)), starts, ends, steps, strict=True):
        size = x.shape[axis % x.rank]
        stop = None if step < 0 and end < -size else end
        chosen = range(*slice(start, stop, step).indices(size))
        if not chosen:
            return _nothing(x, axis)
        x = gather.gather(b, x, axis, np.asarray(chosen))
    return x


@reads("Split")
def split(b: Builder, a: Args) -> tuple[Any, ...]:
    x, axis = a.floats(), a.integer("axis", 0)
    size = x.shape[axis % x.rank]
    sizes = a.axes(1, "split")
    if not sizes:
        count = a.integer("num_outputs", len(a.outputs))
        sizes = select.equal_parts(size, -(-size // count))
    parts = iter(select.split(b, x, axis, [size for size in sizes if size]))
    return tuple(next(parts) if size else _nothing(x, axis) for size in sizes)


def _nothing(x: Tensor, axis: int) -> NDArray[np.float32]:
    shape = list(x.shape)
    shape[axis] = 0
    return np.zeros(shape, np.float32)


@reads("Concat")
def concat(b: Builder, a: Args) -> Tensor:
    return join.concatenate(b, a.values(), a.integer("axis", 1))


@reads("Gather")
def gather_(b: Builder, a: Args) -> Tensor:
    """Constant or computed indices of a tensor, or rows of a constant by computed numbers."""
    axis, index = a.integer("axis", 0), a.raw(1)
    if isinstance(index, np.ndarray):
        x = a.floats()
        if index.ndim == 0:
            return select.pick(b, x, axis, int(index))
        axis %= x.rank
        y = gather.gather(b, x, axis, index)
        if index.ndim == 1:
            return y
        return shape.reshape_tensor(b, y, [*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]])
    if isinstance(a.raw(0), np.ndarray):
        table = a.const(0)
        if axis % table.ndim:
            raise Unsupported(f"computed numbers that choose along dimension {axis} of a constant")
        return integers.look_up(b, a.tensor(1), table)
    x = a.floats()
    return order.index(b, x, [*[None] * (axis % x.rank), a.tensor(1)])


@reads("GatherElements")
def gather_elements(b: Builder, a: Args) -> Tensor:
    """An index for each element."""
    if not isinstance(a.raw(1), np.ndarray):
        return order.along(b, a.floats(), a.integer("axis", 0), a.floats(1))
    x, index = a.floats(), a.raw_const(1)
    axis = a.integer("axis", 0) % x.rank
    row = integers.row_of(index, axis)
    if row is None:  # every element by itself
        places = np.indices(index.shape)
        places[axis] = index
        return gather.index(b, x, list(places))
    y = gather.gather(b, x, axis, row)
    for dim, size in enumerate(index.shape):
        y = select.take(b, y, dim, 0, size)
    return y


@reads("GatherND")
def gather_nd(b: Builder, a: Args) -> Tensor:
    """Constant indices of the first dimensions together."""
    x, index = a.floats(), a.raw_const(1)
    lead = a.integer("batch_dims")
    counted = np.indices(index.shape[:-1])[:lead]
    return gather.index(b, x, [*counted, *np.moveaxis(index, -1, 0)])


@reads("TopK")
def top_k(b: Builder, a: Args) -> tuple[Tensor, Tensor]:
    """How many is an attribute before opset 10."""
    count = a.integer("k") if a.opset < 10 else a.ints_of(1)[0]
    return order.sort(b, a.floats(), a.integer("axis", -1), count, bool(a.integer("largest", 1)))


_MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@reads("Pad")
def pad_(b: Builder, a: Args) -> Tensor:
    """Pads and the value are operands from opset 11 on."""
    x = a.floats()
    amounts = a.ints("pads") if a.opset < 11 else a.ints_of(1)
    assert amounts is not None
    axes = a.ints_of(3) if a.has(3) else list(range(x.rank))
    half = len(amounts) // 2
    pads = {axis % x.rank: (amounts[i], amounts[half + i]) for i, axis in enumerate(axes)}
    mode = a.text("mode", "constant")
    if mode == "constant":
        fill = a.number("value", 0) if a.opset < 11 else float(a.const(2).reshape(-1)[0]) if a.has(2) else 0.0
        return pad.pad_dims(b, x, pads, fill)
    if mode not in _MODES:
        raise Unsupported(f"padding of mode {mode!r}")
    return gather.pad(b, x, {dim: p for dim, p in pads.items() if any(p)}, _MODES[mode])


@reads("Trilu")
def triangle(b: Builder, a: Args) -> Tensor:
    """The elements above (below) a diagonal, zeros elsewhere."""
    from secateur.lowering.choose import fill

    x = a.floats()
    k = a.ints_of(1)[0] if a.has(1) else 0
    ones = np.ones(x.shape[-2:], bool)
    kept = np.triu(ones, k) if a.integer("upper", 1) else np.tril(ones, k)
    return fill(b, x, ~kept, np.float32(0))


# --- sequences of tensors: lists while the network is compiled ---------------------------------------------


@reads("SequenceConstruct")
def sequence(b: Builder, a: Args) -> tuple[list[Any]]:
    return ([a.raw(i) for i in range(a.count)],)


@reads("SequenceAt")
def sequence_at(b: Builder, a: Args) -> Any:
    return a.raw(0)[a.ints_of(1)[0]]


@reads("SequenceInsert")
def sequence_insert(b: Builder, a: Args) -> tuple[list[Any]]:
    parts = list(a.raw(0))
    parts.insert(a.ints_of(2)[0] if a.has(2) else len(parts), a.raw(1))
    return (parts,)


@reads("SequenceErase")
def sequence_erase(b: Builder, a: Args) -> tuple[list[Any]]:
    parts = list(a.raw(0))
    del parts[a.ints_of(1)[0] if a.has(1) else -1]
    return (parts,)


@reads("SequenceLength")
def sequence_length(b: Builder, a: Args) -> NDArray[np.int64]:
    return np.array(len(a.raw(0)), np.int64)


@reads("SplitToSequence")
def split_to_sequence(b: Builder, a: Args) -> tuple[list[Tensor]]:
    x, axis = a.floats(), a.integer("axis", 0)
    size = x.shape[axis]
    if not a.has(1):
        parts = select.split(b, x, axis, [1] * size)
        return (parts if a.integer("keepdims", 1) else [select.drop_dim(p, axis % x.rank) for p in parts],)
    given = a.raw_const(1)
    sizes = select.equal_parts(size, int(given)) if given.ndim == 0 else a.ints_of(1)
    return (select.split(b, x, axis, sizes),)


@reads("ConcatFromSequence")
def concat_from_sequence(b: Builder, a: Args) -> Tensor:
    parts, axis = list(a.raw(0)), a.integer("axis")
    if any(not isinstance(p, (Tensor, np.ndarray)) for p in parts):
        raise Unsupported("a sequence of what is no tensor")
    parts = [as_floats(b, p) if isinstance(p, Tensor) else p for p in parts]
    if a.integer("new_axis"):
        parts = [
            shape.unsqueeze(p, axis) if isinstance(p, Tensor) else np.expand_dims(p, axis) for p in parts
        ]
    return join.concatenate(b, parts, axis)
