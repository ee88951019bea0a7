"""What each operator is configured with; field names are those of csrc/format/model.fbs.

Arrays are f32. A convolution's weight is the dense matrix ``[rows][cols]`` of model.fbs until the file is
written; `storage` says how it will be stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from secateur.ir.graph import StorageFormat
from secateur.ir.types import Array


def _text(options: Any) -> str:
    """Only what differs from the default; arrays as their shape."""
    parts = []
    for f in fields(options):
        value = getattr(options, f.name)
        if isinstance(value, np.ndarray):
            parts.append(f"{f.name}={'x'.join(map(str, value.shape))}")
        elif value is not None and value != f.default and value != StorageFormat():
            parts.append(f"{f.name}={value}")
    return ", ".join(parts)


@dataclass
class Options:
    """Base of every operator's options."""

    def __str__(self) -> str:
        return _text(self)


@dataclass
class WindowOptions(Options):
    """A sliding window over rows and columns."""

    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0

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


@dataclass
class ConvOptions(WindowOptions):
    weight: Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    bias: Array | None = None
    groups: int = 1
    storage: StorageFormat = field(default_factory=StorageFormat)


@dataclass
class DepthwiseOptions(WindowOptions):
    weight: Array = field(default_factory=lambda: np.zeros((0, 1, 1), np.float32))  # [channels][kh][kw]
    bias: Array | None = None


@dataclass
class PoolOptions(WindowOptions):
    kind: str = "max"  # max, average, average_counting_pad


@dataclass
class GlobalPoolOptions(Options):
    kind: str = "mean"  # mean, sum, max


@dataclass
class BinaryOptions(Options):
    kind: str = "add"  # add, sub, mul, div, max, min
    constant: Array | None = None  # [1], [channels] or [channels * positions]
    reversed: bool = False


@dataclass
class UnaryOptions(Options):
    """Nothing to configure."""


@dataclass
class ConcatOptions(Options):
    """Nothing to configure."""


@dataclass
class SliceOptions(Options):
    """The extents are those of the output value."""

    channel_begin: int = 0
    row_begin: int = 0
    row_step: int = 1
    col_begin: int = 0
    col_step: int = 1


@dataclass
class PadOptions(Options):
    """The extents after the data are those of the output value."""

    channel_before: int = 0
    top: int = 0
    left: int = 0
    value: float = 0.0


@dataclass
class LayerNormOptions(Options):
    gamma: Array | None = None
    beta: Array | None = None
    epsilon: float = 1e-5


@dataclass
class SoftmaxOptions(Options):
    """Nothing to configure."""


@dataclass
class AttentionOptions(Options):
    heads: int = 1
    scale: float = 1.0
    causal: bool = False
    mask: Array | None = None  # [tokens of q][tokens of k], added


@dataclass
class FlattenOptions(Options):
    """Nothing to configure."""


@dataclass
class TransposeOptions(Options):
    """Nothing to configure."""


@dataclass
class AffineOptions(Options):
    """Of the compiler only: batch normalisation at inference, ``scale[c] * x + shift[c]``."""

    scale: Array = field(default_factory=lambda: np.ones(0, np.float32))
    shift: Array = field(default_factory=lambda: np.zeros(0, np.float32))
