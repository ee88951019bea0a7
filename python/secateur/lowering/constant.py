"""A constant as a tensor: for what takes computed tensors alone, and for outputs that no input changes."""

from __future__ import annotations

import numpy as np

from secateur.ir import options as o
from secateur.ir.types import Array
from secateur.lowering import rows
from secateur.lowering.axes import Atom, Dim, Tensor, contiguous, merge
from secateur.lowering.builder import Builder
from secateur.lowering.numbers import as_floats
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import UnsupportedLayout


def constant(b: Builder, near: Tensor, values: Array) -> Tensor:
    """A tensor that holds `values` whatever `near` does: the one row of a table, by any number.

    (A number outside of its table reads row 0, and so does NaN.)
    """
    if not b.escape:
        raise UnsupportedLayout(hint="a constant where a computed tensor is taken")
    values = np.ascontiguousarray(values, np.float32)
    near = reshape_tensor(b, as_floats(b, near), [-1])
    if near.shape[0] > 1:
        near = rows.take(b, near, 0, 0, 1, 1)
    near = contiguous(b.rows(near).value)
    options = o.EmbeddingOptions(rows=values.reshape(1, -1))
    made = b.emit("Embedding", [near.value], (1, values.size, 1, 1), options)
    dims: list[Dim] = []
    stride = values.size
    for size in values.shape:
        stride //= max(size, 1)
        dims.append(merge([Atom("C", size, stride)]))
    return Tensor(made, tuple(dims))
