"""What planes do not express, on row-major tensors: broadcasts, products, reductions, parts of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir import options as o
from secateur.ir import row_major, shapes
from secateur.ir.types import Shape
from secateur.lowering.axes import Tensor, contiguous, whole
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores
from secateur.lowering.unsupported import Unsupported, UnsupportedLayout

MOST_RUNS = 256  # that one index is made of; beyond, its places are a constant that is read


def _emit(b: Builder, kind: str, inputs: list[Tensor], shape: Shape, options: o.Options) -> Tensor:
    return contiguous(b.emit(kind, [x.value for x in inputs], row_major(*shape), options))


def broadcast(
    b: Builder, x: Tensor, y: Tensor | NDArray[Any], kind: str, reverse: bool = False, why: str = ""
) -> Tensor:
    """``x op y`` (``y op x`` when reversed) with NumPy's broadcasting."""
    shape = shapes.broadcast(x.shape, tuple(y.shape))
    if shape is None:
        raise Unsupported(f"operands of shapes {x.shape} and {tuple(y.shape)}")
    x = b.rows(x, why=why)
    if isinstance(y, Tensor):
        return _emit(b, "Binary", [x, b.rows(y)], shape, o.BinaryOptions(kind, None, reverse))
    constant = np.ascontiguousarray(y, np.float32).reshape(y.shape)
    return _emit(b, "Binary", [x], shape, o.BinaryOptions(kind, constant, reverse))


def product(b: Builder, x: Tensor, y: Tensor, *, transposed: bool = False) -> Tensor:
    """``x @ y`` of computed tensors, or ``x @ y^T``; dimensions before the last two broadcast."""
    vector_x, vector_y = x.rank == 1, y.rank == 1
    if vector_x:
        x = x.with_dims(((), *x.dims))
    if vector_y:
        y = y.with_dims((*y.dims, ()))
    lead = shapes.broadcast(x.shape[:-2], y.shape[:-2])
    if lead is None:
        raise Unsupported(f"a product of {x.shape} and {y.shape}")
    columns = y.shape[-2] if transposed else y.shape[-1]
    shape = (*lead, x.shape[-2], columns)
    out = _emit(b, "MatMul", [b.rows(x), b.rows(y)], shape, o.MatMulOptions(transpose_b=transposed))
    dims = list(out.dims)
    if vector_y:
        del dims[-1]
    if vector_x:
        del dims[-1 if vector_y else -2]
    return out.with_dims(dims)


def softmax(b: Builder, x: Tensor, dim: int) -> Tensor:
    """Over one dimension, which comes last in memory."""
    dim %= x.rank
    order = [*(i for i in range(x.rank) if i != dim), dim]
    y = b.rows(x, order)
    y = _emit(b, "Softmax", [y], y.shape, o.SoftmaxOptions())
    return y.with_dims(y.dims[order.index(i)] for i in range(x.rank))


def reduce(b: Builder, x: Tensor, dims: list[int], keepdim: bool, kind: str, why: str = "") -> Tensor:
    """Over any dimensions."""
    x = b.rows(x, why=why)
    shape = tuple(1 if d in dims else size for d, size in enumerate(x.shape))
    y = _emit(b, "Reduce", [x], shape, o.ReduceOptions(kind, tuple(dims)))
    return y if keepdim else y.with_dims(dim for d, dim in enumerate(y.dims) if d not in dims)


def take(b: Builder, x: Tensor, dim: int, start: int, length: int, step: int, why: str = "") -> Tensor:
    """``x[..., start : start + length * step : step, ...]``"""
    x = b.rows(x, why=why)
    begin, steps = [0] * x.rank, [1] * x.rank
    begin[dim], steps[dim] = start, step
    shape = (*x.shape[:dim], length, *x.shape[dim + 1 :])
    return _emit(b, "StridedSlice", [x], shape, o.StridedSliceOptions(tuple(begin), tuple(steps)))


def gather(b: Builder, x: Tensor, dim: int, index: NDArray[Any], why: str = "") -> Tensor:
    """``x[..., index, ...]``: the runs of neighbours in it, side by side."""
    x = b.rows(x, why=why)
    runs = np.split(index, np.flatnonzero(np.diff(index) != 1) + 1)
    if len(runs) > MOST_RUNS:
        options = o.EmbeddingOptions(rows=index.astype(np.float32).reshape(1, -1))
        places = b.emit("Embedding", [_one(b, x).value], (1, index.size, 1, 1), options)
        line = b.rows(Tensor(places, (*[()] * dim, whole("C", index.size), *[()] * (x.rank - dim - 1))))
        shape = (*x.shape[:dim], index.size, *x.shape[dim + 1 :])
        return _emit(b, "Gather", [x, line], shape, o.GatherOptions(dim))
    parts = [take(b, x, dim, int(run[0]), run.size, 1) for run in runs]
    return parts[0] if len(parts) == 1 else join(b, parts, dim)


def _one(b: Builder, x: Tensor) -> Tensor:
    """Any one element, by which a table of one row is read."""
    line = contiguous(x.value, (x.value.type.size,))
    return line if line.shape == (1,) else take(b, line, 0, 0, 1, 1)


def join(b: Builder, tensors: list[Tensor], dim: int, why: str = "") -> Tensor:
    """Side by side along one dimension."""
    parts = [b.rows(t, why=why) for t in tensors]
    total = sum(t.shape[dim] for t in parts)
    shape = (*parts[0].shape[:dim], total, *parts[0].shape[dim + 1 :])
    return _emit(b, "Stack", parts, shape, o.StackOptions(dim))


def pad(b: Builder, x: Tensor, pads: dict[int, tuple[int, int]], fill: float, why: str = "") -> Tensor:
    """A constant around any dimensions."""
    x = b.rows(x, why=why)
    before = tuple(pads.get(d, (0, 0))[0] for d in range(x.rank))
    shape = tuple(size + sum(pads.get(d, (0, 0))) for d, size in enumerate(x.shape))
    return _emit(b, "Enlarge", [x], shape, o.EnlargeOptions(before, fill))


def materialise(b: Builder, scores: Scores) -> Tensor:
    """The scores themselves: ``q @ k^T`` scaled, masked, and normalised if they are."""
    if not b.escape:
        raise UnsupportedLayout("a product of two computed tensors outside softmax(q @ k^T) @ v")
    y = product(b, scores.q, scores.k, transposed=True)
    if scores.scale != 1:
        y = b.binary_constant(y, "mul", np.array([scores.scale], np.float32))
    if y.shape != scores.shape:
        y = contiguous(b.emit("Reshape", [b.rows(y).value], row_major(*scores.shape), o.ReshapeOptions()))
    if scores.mask is not None:
        y = broadcast(b, y, scores.mask, "add")
    return softmax(b, y, -1) if scores.normalised else y
