"""Complex numbers as two computed tensors, for what networks make of them: spectra and their magnitudes.

A discrete Fourier transform is a product with a constant matrix, and a short-time one a convolution whose
filters are windowed cosines and sines: fast forms pay for lengths that networks seldom have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir.types import Array
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import number, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.conv import convolution
from secateur.lowering.join import join
from secateur.lowering.linear import contract
from secateur.lowering.select import take
from secateur.lowering.shape import unsqueeze
from secateur.lowering.unsupported import Unsupported


@dataclass(frozen=True)
class Complex:
    """``real + i imaginary``; without an imaginary part a real number."""

    real: Tensor
    imaginary: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.real.shape


def _waves(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """cos and -sin of ``2 pi k n / size``, [size][size]: angles reduced before they are multiplied."""
    turns = np.outer(np.arange(size), np.arange(size)) % size
    angle = 2 * np.pi / size * turns
    return np.cos(angle), -np.sin(angle)


def fourier(b: Builder, x: Complex, dim: int, *, factor: float = 1.0, half: bool = False) -> Complex:
    """The transform along one dimension, times a factor; half: its first size / 2 + 1 frequencies."""
    size = x.shape[dim % len(x.shape)]
    rows = size // 2 + 1 if half else size
    c, s = ((factor * wave[:rows]).astype(np.float32) for wave in _waves(size))

    def times(part: Tensor, matrix: Array) -> Tensor:
        return contract(b, part, dim, matrix, None)

    if x.imaginary is None:
        return Complex(times(x.real, c), times(x.real, s))
    return Complex(
        two_tensors(b, times(x.real, c), times(x.imaginary, s), "sub"),
        two_tensors(b, times(x.real, s), times(x.imaginary, c), "add"),
    )


def short_time(
    b: Builder, x: Tensor, size: int, hop: int, window: Array | None, *, scaled: bool, half: bool
) -> Complex:
    """The spectra [..., frequencies, frames] of frames of `size` samples, `hop` apart, along the last
    dimension; window: [at most size], in the middle of the frame. scaled: over the root of the size."""
    if x.rank > 2:
        raise Unsupported(f"a spectrogram of {x.rank} dimensions")
    shape = np.ones(size) if window is None else np.zeros(size)
    if window is not None:
        first = (size - window.size) // 2
        shape[first : first + window.size] = window
    rows = size // 2 + 1 if half else size
    filters = np.concatenate([wave[:rows] * shape for wave in _waves(size)])[:, None]
    filters = (filters / np.sqrt(size) if scaled else filters).astype(np.float32)
    one = x.rank == 1
    wave = unsqueeze(unsqueeze(x, 0) if one else x, 1)
    y = convolution(b, wave, filters, None, stride=[hop], pads=[(0, 0)], dilation=[1])
    parts = [take(b, y, 1, start, rows) for start in (0, rows)]
    real, imaginary = (part.with_dims(part.dims[1:]) if one else part for part in parts)
    return Complex(real, imaginary)


def magnitude(b: Builder, x: Complex) -> Tensor:
    if x.imaginary is None:
        return b.unary(x.real, "abs")
    first, second = (two_tensors(b, part, part, "mul") for part in (x.real, x.imaginary))
    return b.unary(two_tensors(b, first, second, "add"), "sqrt")


def imaginary(b: Builder, x: Complex) -> Tensor:
    return x.imaginary if x.imaginary is not None else b.binary_constant(x.real, "mul", number(0))


def as_real(b: Builder, x: Complex) -> Tensor:
    """Both parts along a new last dimension."""
    parts: list[Any] = [unsqueeze(part, part.rank) for part in (x.real, imaginary(b, x))]
    return join(b, parts, parts[0].rank - 1)
