"""Sliding windows over rows and columns: extents, and the views that the definitions sum over."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir.operator import require
from secateur.ir.options import WindowOptions
from secateur.ir.types import Shape


def window_extent(size: int, kernel: int, stride: int, dilation: int, pad: int) -> int:
    """Rows (or columns) of output of a sliding window."""
    return (size + pad - dilation * (kernel - 1) - 1) // stride + 1


def window_grid(x: Shape, w: WindowOptions) -> tuple[int, int]:
    """Rows and columns of output for planes of that shape."""
    height = window_extent(x[2], w.kernel_h, w.stride_h, w.dilation_h, w.pad_top + w.pad_bottom)
    width = window_extent(x[3], w.kernel_w, w.stride_w, w.dilation_w, w.pad_left + w.pad_right)
    require(height > 0 and width > 0, "the window is larger than its padded input")
    return height, width


def windows(x: NDArray[Any], w: WindowOptions, fill: float) -> NDArray[Any]:
    """[B, C, out_h, out_w, kernel_h, kernel_w] view of the padded planes."""
    x = np.pad(
        x,
        ((0, 0), (0, 0), (w.pad_top, w.pad_bottom), (w.pad_left, w.pad_right)),
        constant_values=fill,
    )
    extent = (w.dilation_h * (w.kernel_h - 1) + 1, w.dilation_w * (w.kernel_w - 1) + 1)
    views = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(2, 3))
    return views[:, :, :: w.stride_h, :: w.stride_w, :: w.dilation_h, :: w.dilation_w]
