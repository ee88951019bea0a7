"""Operators that rename, reorder or repeat dimensions, and those that do nothing at inference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import integers, join, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Unsupported


@reads("Identity")
def same(b: Builder, a: Args) -> Any:
    return a.raw(0)


@reads("Reshape")
def reshape(b: Builder, a: Args) -> Tensor | Scores:
    """0 keeps a size, -1 is what is left."""
    x, wanted = a.tensor_or_scores(), a.ints_of(1)
    if not a.integer("allowzero"):
        wanted = [x.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    if -1 in wanted:
        rest = math.prod(size for size in wanted if size != -1)
        wanted = [math.prod(x.shape) // max(rest, 1) if size == -1 else size for size in wanted]
    return shape.reshape(b, x, wanted)


@reads("Flatten")
def flatten(b: Builder, a: Args) -> Tensor:
    """Two dimensions: those before the axis, and the rest."""
    x = a.tensor()
    axis = a.integer("axis", 1)
    axis = axis + x.rank if axis < 0 else axis
    return shape.reshape_tensor(b, x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])


@reads("Transpose")
def transpose(b: Builder, a: Args) -> Tensor:
    x = a.tensor()
    return shape.permute(x, a.ints("perm") or list(range(x.rank))[::-1])


@reads("Squeeze")
def squeeze(b: Builder, a: Args) -> Tensor:
    return shape.squeeze(a.tensor(), a.axes(1))


@reads("Unsqueeze")
def unsqueeze(b: Builder, a: Args) -> Tensor:
    x, axes = a.tensor(), a.axes(1) or []
    for axis in sorted(axis % (x.rank + len(axes)) for axis in axes):
        x = shape.unsqueeze(x, axis)
    return x


@reads("Expand")
def expand(b: Builder, a: Args) -> Tensor | Scores:
    """Sizes that are 1 on either side give way."""
    x = a.tensor_or_scores()
    try:
        wanted = np.broadcast_shapes(tuple(x.shape), tuple(a.ints_of(1)))
    except ValueError as error:
        raise Unsupported(str(error)) from None
    return shape.expand(b, x, list(wanted))


@reads("Tile")
def tile(b: Builder, a: Args) -> Tensor:
    x = a.floats()
    for axis, count in enumerate(a.ints_of(1)):
        x = x if count == 1 else join.concatenate(b, [x] * count, axis)
    return x


@reads("DepthToSpace")
def depth_to_space(b: Builder, a: Args) -> Tensor:
    """Channels become blocks of pixels; DCR has the place in the block before the channel, CRD behind it."""
    x, r = a.tensor(), a.integer("blocksize")
    n, c, h, w = x.shape
    c //= r * r
    if a.text("mode", "DCR") == "DCR":
        y = shape.permute(shape.reshape_tensor(b, x, [n, r, r, c, h, w]), [0, 3, 4, 1, 5, 2])
    else:
        y = shape.permute(shape.reshape_tensor(b, x, [n, c, r, r, h, w]), [0, 1, 4, 2, 5, 3])
    return shape.reshape_tensor(b, y, [n, c, h * r, w * r])


@reads("SpaceToDepth")
def space_to_depth(b: Builder, a: Args) -> Tensor:
    x, r = a.tensor(), a.integer("blocksize")
    n, c, h, w = x.shape
    y = shape.permute(shape.reshape_tensor(b, x, [n, c, h // r, r, w // r, r]), [0, 3, 5, 1, 2, 4])
    return shape.reshape_tensor(b, y, [n, c * r * r, h // r, w // r])


_INTEGERS = (TensorProto.INT32, TensorProto.INT64)


@reads("Cast", "CastLike")
def cast(b: Builder, a: Args) -> Any:
    """Whole numbers and truth values are held as float32: only what changes a number is computed."""
    if a.op == "CastLike":
        to = int(helper.np_dtype_to_tensor_dtype(a.dtype(1)))
        if isinstance(a.raw(0), np.ndarray):
            return a.raw(0).astype(a.dtype(1))
    else:
        to = a.integer("to")
    x = a.tensor_or_scores()
    if to == TensorProto.BOOL and a.dtype() != np.bool_:
        return integers.truth(b, a.floats(), whole=a.whole(0))
    if to == TensorProto.FLOAT:
        return x if isinstance(x, Scores) else a.floats()
    if not (a.whole(0) and to in (*_INTEGERS, TensorProto.BOOL)):
        raise Unsupported(f"a conversion of {a.dtype()} to {TensorProto.DataType.Name(to).lower()}")
    return x
