"""What each operator is configured with: its fields in the model file (fields.py, made from the schema).

Arrays are f32, weights also f16 or i8, the bias of an i8 operator i32. A convolution's weight is the dense
matrix ``[rows][cols]`` of model.fbs until the file is written; `storage` says how it will be stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from secateur.ir import fields as f
from secateur.ir.graph import StorageFormat
from secateur.ir.types import Array, Weight


def _text(options: Any) -> str:
    """Only what differs from the default; arrays as their shape."""
    parts = []
    for item in fields(options):
        value = getattr(options, item.name)
        if isinstance(value, np.ndarray):
            parts.append(f"{item.name}={'x'.join(map(str, value.shape))}")
        elif value is not None and value != item.default and value != StorageFormat():
            parts.append(f"{item.name}={value}")
    return ", ".join(parts)


@dataclass
class Options:
    """Base of every operator's options."""

    def __str__(self) -> str:
        return _text(self)


class WindowOptions(Options):
    """A sliding window over rows and columns, of an operator whose fields have one."""

    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    pad_bottom: int
    pad_right: int

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """top, left, bottom, right"""
        return self.pad_top, self.pad_left, self.pad_bottom, self.pad_right

    @property
    def pointwise(self) -> bool:
        """One position in, the same position out."""
        return (self.kernel_h, self.kernel_w, self.stride_h, self.stride_w) == (1, 1, 1, 1) and not any(
            self.pads
        )


# What the file says otherwise than the graph is declared here; all else is the schema's.


@dataclass
class ConvOptions(f.ConvFields, WindowOptions):
    weight: Weight = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    scales: Array | None = None  # of an i8 weight: [rows]; in the file a field of the weight
    storage: StorageFormat = field(default_factory=StorageFormat)


@dataclass
class DepthwiseOptions(f.DepthwiseFields, WindowOptions):
    weight: Weight = field(default_factory=lambda: np.zeros((0, 1, 1), np.float32))  # [channels][kh][kw]


@dataclass
class PoolOptions(f.PoolFields, WindowOptions):
    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1


@dataclass
class GlobalPoolOptions(f.GlobalPoolFields, Options):
    """kind: mean, sum, max."""


@dataclass
class BinaryOptions(f.BinaryFields, Options):
    """constant: [1], [channels] or [channels * positions]; of row-major values any shape."""


@dataclass
class UnaryOptions(f.UnaryFields, Options):
    """table: of i8, the result of each code."""


@dataclass
class ConcatOptions(f.ConcatFields, Options):
    """Nothing to configure."""


@dataclass
class SliceOptions(f.SliceFields, Options):
    """The extents are those of the output value."""


@dataclass
class PadOptions(f.PadFields, Options):
    """The extents after the data are those of the output value."""


@dataclass
class LayerNormOptions(f.LayerNormFields, Options):
    epsilon: float = 1e-5


@dataclass
class SoftmaxOptions(f.SoftmaxFields, Options):
    """Nothing to configure."""


@dataclass
class AttentionOptions(f.AttentionFields, Options):
    """mask, added: [tokens of q][tokens of k], or one such for each head, or for each batch item and head."""

    heads: int = 1
    scale: float = 1.0


@dataclass
class FlattenOptions(f.FlattenFields, Options):
    """Nothing to configure."""


@dataclass
class TransposeOptions(f.TransposeFields, Options):
    """Nothing to configure."""


@dataclass
class ResizeOptions(f.ResizeFields, Options):
    """row_index: [rows][row_taps], flat; row_weight alike, or None where each sum is one element."""


@dataclass
class ConvertOptions(f.ConvertFields, Options):
    """Nothing to configure: the types of input and output say it."""


@dataclass
class AffineOptions(Options):
    """Of the compiler only: batch normalisation at inference, ``scale[c] * x + shift[c]``."""

    scale: Array = field(default_factory=lambda: np.ones(0, np.float32))
    shift: Array = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass
class EmbeddingOptions(f.EmbeddingFields, Options):
    """rows: the table, [numbers][features]; in the file a tensor, the second input. None: the numbers
    themselves, as f32."""

    rows: Array | None = None


@dataclass
class RecurrentOptions(f.RecurrentFields, Options):
    """weight: [gates * hidden, hidden]; first_hidden, first_cell: [batch, hidden], None for zeros."""

    weight: Weight = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    scales: Array | None = None  # of an i8 weight, as a convolution's
    storage: StorageFormat = field(default_factory=StorageFormat)


# --- of row-major tensors -------------------------------------------------------------------------------


@dataclass
class PermuteOptions(f.PermuteFields, Options):
    """The elements seen as `shape`, its dimensions permuted: ``x.reshape(shape).transpose(order)``."""


@dataclass
class ReshapeOptions(f.ReshapeFields, Options):
    """Nothing to configure: the output's shape says it."""


@dataclass
class ReduceOptions(f.ReduceFields, Options):
    """kind: mean, sum, max, min."""


@dataclass
class MatMulOptions(f.MatMulFields, Options):
    """``a @ b`` over the last two dimensions, either stored transposed."""


@dataclass
class StridedSliceOptions(f.StridedSliceFields, Options):
    """``x[begin : begin + size * step : step]`` per dimension; the sizes are the output's."""


@dataclass
class StackOptions(f.StackFields, Options):
    """Inputs side by side along one dimension."""


@dataclass
class EnlargeOptions(f.EnlargeFields, Options):
    """A constant around the data; what stands after them, the output's shape says."""


@dataclass
class SortOptions(f.SortFields, Options):
    """Places along the last dimension in order; as many as the output has columns."""


@dataclass
class GatherOptions(f.GatherFields, Options):
    """Elements along one dimension, by computed places."""
