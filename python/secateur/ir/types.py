"""What a value is: shape, dtype, layout and residence. Data, asked for here and nowhere else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Indices = NDArray[np.uint32]
Codes = NDArray[np.int8]
Shape = tuple[int, ...]
MOST_DIMS = 8  # of a row-major value, of a permutation


class DType(str, Enum):
    """The type of an element; the value is its name in files and texts."""

    F32 = "f32"
    F16 = "f16"
    I8 = "i8"
    I32 = "i32"
    I64 = "i64"
    BOOL = "boolean"
    U8 = "u8"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """
        >>> DType.F16.numpy
        dtype('float16')
        """
        return np.dtype(_NUMPY[self])

    def __str__(self) -> str:
        return self.value


_NUMPY = {
    DType.F32: "float32",
    DType.F16: "float16",
    DType.I8: "int8",
    DType.I32: "int32",
    DType.I64: "int64",
    DType.BOOL: "bool",
    DType.U8: "uint8",
}


class Layout(str, Enum):
    """How elements lie in memory.

    `PLANES`: four dimensions, ``[batch][channels][height][width]``, rows padded as the runtime likes.
    `PLANES4`: the same, four channels interleaved: ``[batch][channels / 4][height][width][4]``.
    `ROW_MAJOR`: any number of dimensions, the last one contiguous, nothing padded.
    """

    PLANES = "planes"
    PLANES4 = "planes4"
    ROW_MAJOR = "row_major"

    def __str__(self) -> str:
        return self.value


class Residence(str, Enum):
    """Where a value lives: in the arena for part of a run, in the file, or from one run to the next."""

    ACTIVATION = "activation"
    CONSTANT = "constant"
    STATE = "state"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class TensorType:
    """The type of a value.

    >>> TensorType((1, 8, 4, 4))
    TensorType(1x8x4x4)
    >>> TensorType((2, 3), DType.I8, Layout.ROW_MAJOR)
    TensorType(2x3 i8 row_major)
    """

    shape: Shape
    dtype: DType = DType.F32
    layout: Layout = Layout.PLANES
    residence: Residence = Residence.ACTIVATION

    @property
    def size(self) -> int:
        """Elements, without padding."""
        return math.prod(self.shape)

    def fault(self) -> str:
        """Why no value can have this type; "" when one can."""
        if self.layout is not Layout.ROW_MAJOR and len(self.shape) != 4:
            return f"{self.layout} have 4 dimensions, not {len(self.shape)}"
        if len(self.shape) > MOST_DIMS:
            return f"at most {MOST_DIMS} dimensions, not {len(self.shape)}"
        if any(size < 1 for size in self.shape):
            return "every size is at least 1"
        return ""

    def with_shape(self, shape: Shape) -> TensorType:
        """An activation of the same dtype and layout."""
        return TensorType(shape, self.dtype, self.layout)

    def __str__(self) -> str:
        """The shape, and what differs from f32 planes in the arena."""
        plain = TensorType(self.shape)
        parts = ["x".join(map(str, self.shape)) or "scalar"]
        for name in ("dtype", "layout", "residence"):
            if getattr(self, name) != getattr(plain, name):
                parts.append(str(getattr(self, name)))
        return " ".join(parts)

    def __repr__(self) -> str:
        return f"TensorType({self})"


def planes(batch: int, channels: int, height: int, width: int) -> TensorType:
    """f32 planes: what nearly every value is.

    >>> planes(1, 8, 4, 4).layout
    <Layout.PLANES: 'planes'>
    """
    return TensorType((batch, channels, height, width))


def row_major(*shape: int, dtype: DType = DType.F32) -> TensorType:
    """Any number of dimensions, the last one contiguous."""
    return TensorType(shape, dtype, Layout.ROW_MAJOR)
