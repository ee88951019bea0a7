"""What a value is: shape, dtype, layout and residence. Data, asked for here and nowhere else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Indices = NDArray[np.uint32]
Codes = NDArray[np.int8]
Weight = NDArray[Any]  # f32, f16, or i8 with scales
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


WHOLE = (DType.I32, DType.I64, DType.BOOL)  # of numbers of tokens and masks, as they are passed


class Layout(str, Enum):
    """How elements lie in memory.

    `PLANES`: four dimensions, ``[batch][channels][height][width]``, rows padded as the runtime likes.
    `PLANES4`: the same, four channels interleaved: ``[batch][channels / 4][height][width][4]``; where the
    bytes of an image are (i8, u8).
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
    """The type of a value. Of i8 and u8: ``number = scale * (stored - zero_point)``, `scale` an f32.

    >>> TensorType((1, 8, 4, 4))
    TensorType(1x8x4x4)
    >>> TensorType((2, 3), DType.I8, Layout.ROW_MAJOR)
    TensorType(2x3 i8 row_major)
    >>> quantised((1, 8, 4, 4), 0.5, -3)
    TensorType(1x8x4x4 i8 planes4 scale 0.5 zero -3)
    """

    shape: Shape
    dtype: DType = DType.F32
    layout: Layout = Layout.PLANES
    residence: Residence = Residence.ACTIVATION
    scale: float = 1.0
    zero_point: int = 0

    @property
    def halved(self) -> bool:
        """Whether elements are f16."""
        return self.dtype is DType.F16

    @property
    def scaled(self) -> bool:
        """Whether elements are bytes with a scale."""
        return self.dtype in (DType.I8, DType.U8)

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
        return self._fault_of_scale()

    def _fault_of_scale(self) -> str:
        if not self.scaled:
            plain = (self.scale, self.zero_point) == (1.0, 0)
            return "" if plain else f"{self.dtype} has no scale and no zero point"
        if not 0 < self.scale < math.inf or float(np.float32(self.scale)) != self.scale:
            return f"a scale is a positive, finite f32, not {self.scale!r}"
        least, most = (-128, 127) if self.dtype is DType.I8 else (0, 255)
        if not least <= self.zero_point <= most:
            return f"the zero point {self.zero_point} lies outside {least} to {most}"
        return ""

    def with_shape(self, shape: Shape) -> TensorType:
        """An activation of the same dtype, layout and scale."""
        return TensorType(shape, self.dtype, self.layout, scale=self.scale, zero_point=self.zero_point)

    def made(self, shape: Shape, y: TensorType) -> TensorType:
        """What an operator computes of this type: the same dtype and layout; i8 with the scale that `y`, the
        type of the output, names."""
        if self.dtype is not DType.I8:
            return self.with_shape(shape)
        return TensorType(shape, self.dtype, self.layout, scale=y.scale, zero_point=y.zero_point)

    def __str__(self) -> str:
        """The shape, and what differs from f32 planes in the arena."""
        plain = TensorType(self.shape)
        parts = ["x".join(map(str, self.shape)) or "scalar"]
        for name in ("dtype", "layout", "residence"):
            if getattr(self, name) != getattr(plain, name):
                parts.append(str(getattr(self, name)))
        if (self.scale, self.zero_point) != (1.0, 0):
            parts.append(f"scale {self.scale:.6g} zero {self.zero_point}")
        return " ".join(parts)

    def __repr__(self) -> str:
        return f"TensorType({self})"


def planes(batch: int, channels: int, height: int, width: int) -> TensorType:
    """f32 planes: what nearly every value is.

    >>> planes(1, 8, 4, 4).layout
    <Layout.PLANES: 'planes'>
    """
    return TensorType((batch, channels, height, width))


def halves(shape: Shape) -> TensorType:
    """f16 planes.

    >>> halves((1, 8, 4, 4))
    TensorType(1x8x4x4 f16)
    """
    return TensorType(shape, DType.F16)


def quantised(shape: Shape, scale: float, zero_point: int) -> TensorType:
    """i8 planes4: ``number = scale * (stored - zero_point)``.

    >>> quantised((1, 8, 4, 4), 0.5, 200).fault()
    'the zero point 200 lies outside -128 to 127'
    """
    return TensorType(shape, DType.I8, Layout.PLANES4, scale=scale, zero_point=zero_point)


def row_major(*shape: int, dtype: DType = DType.F32) -> TensorType:
    """Any number of dimensions, the last one contiguous."""
    return TensorType(shape, dtype, Layout.ROW_MAJOR)
