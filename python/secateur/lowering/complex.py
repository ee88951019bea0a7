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
from secateur.lowering.binary import combine, negative, number, two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.conv import convolution
from secateur.lowering.join import join
from secateur.lowering.linear import contract, matmul
from secateur.lowering.pad import pad_dims
from secateur.lowering.select import take
from secateur.lowering.shape import unsqueeze
from secateur.lowering.transposed import transposed_convolution
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


def cut_or_filled(b: Builder, x: Complex, dim: int, size: int) -> Complex:
    """So many elements of a dimension: the first of them, or zeros behind."""

    def part(p: Tensor) -> Tensor:
        if p.shape[dim] >= size:
            return take(b, p, dim, 0, size)
        return pad_dims(b, p, {dim: (0, size - p.shape[dim])}, 0.0)

    return Complex(part(x.real), None if x.imaginary is None else part(x.imaginary))


def fourier(
    b: Builder, x: Complex, dim: int, *, factor: float = 1.0, half: bool = False, inverse: bool = False
) -> Complex:
    """The transform along one dimension, or the way back, times a factor; half: its first size / 2 + 1
    frequencies."""
    size = x.shape[dim % len(x.shape)]
    rows = size // 2 + 1 if half else size
    turns = (factor, -factor if inverse else factor)
    c, s = ((f * wave[:rows]).astype(np.float32) for f, wave in zip(turns, _waves(size), strict=True))

    def times(part: Tensor, matrix: Array) -> Tensor:
        return contract(b, part, dim, matrix, None)

    if x.imaginary is None:
        return Complex(times(x.real, c), times(x.real, s))
    return Complex(
        two_tensors(b, times(x.real, c), times(x.imaginary, s), "sub"),
        two_tensors(b, times(x.real, s), times(x.imaginary, c), "add"),
    )


def _half_waves(size: int, factor: float) -> list[NDArray[np.float64]]:
    """[size, size / 2 + 1] of the real and of the imaginary parts: what makes real numbers of them."""
    twice = np.full(size // 2 + 1, 2.0)
    twice[0] = 1
    if size % 2 == 0:
        twice[-1] = 1
    waves = [factor * twice * wave[:, : twice.size] for wave in _waves(size)]
    waves[1][:, twice == 1] = 0
    return waves


def real_from_half(b: Builder, x: Complex, dim: int, size: int, factor: float) -> Tensor:
    """The way back to `size` real numbers along one dimension, of their first size / 2 + 1 frequencies: each
    counts twice but those that are their own mirrors, whose imaginary parts do not count."""
    parts = [x.real] if x.imaginary is None else [x.real, x.imaginary]
    waves = [wave.astype(np.float32) for wave in _half_waves(size, factor)]
    made = [contract(b, part, dim, wave, None) for part, wave in zip(parts, waves, strict=False)]
    return made[0] if len(made) == 1 else two_tensors(b, made[0], made[1], "add")


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


def from_short_time(
    b: Builder,
    x: Complex,
    size: int,
    hop: int,
    window: Array | None,
    *,
    scaled: bool,
    start: int,
    length: int,
) -> Tensor:
    """What the spectra [..., frequencies, frames] are of, from sample `start` on: each frame's samples times
    the window, added up where frames lie, over the squares of the windows there."""
    if len(x.shape) > 3:
        raise Unsupported(f"spectra of {len(x.shape)} dimensions")
    shape = np.ones(size)
    if window is not None:
        first = (size - window.size) // 2
        shape = np.pad(window.astype(np.float64), (first, size - window.size - first))
    parts = [x.real, imaginary(b, x)]
    if len(x.shape) == 2:
        parts = [unsqueeze(part, 0) for part in parts]
    factor = size**-0.5 if scaled else 1 / size
    filters = np.concatenate([wave.T for wave in _half_waves(size, factor)]) * shape
    y = transposed_convolution(
        b,
        join(b, parts, 1),
        filters[:, None].astype(np.float32),
        None,
        stride=[hop],
        padding=[0],
        output_padding=[0],
        dilation=[1],
    )
    frames = x.shape[-1]
    weight = np.zeros(size + hop * (frames - 1))
    for frame in range(frames):
        weight[frame * hop : frame * hop + size] += shape**2
    there = min(length, weight.size - start)
    y = take(b, y, 2, start, there)
    y = combine_by(b, y, 1 / np.maximum(weight[start : start + there], 1e-11))
    y = y.with_dims((y.dims[0], y.dims[2]) if len(x.shape) == 3 else (y.dims[2],))
    return y if there == length else pad_dims(b, y, {y.rank - 1: (0, length - there)}, 0.0)


def combine_by(b: Builder, x: Tensor, factors: NDArray[np.float64]) -> Tensor:
    """``x`` times a factor for each place of its last dimension."""
    y = combine(b, x, factors.astype(np.float32), "mul")
    assert isinstance(y, Tensor)
    return y


Parts = tuple[Any, Any]  # real and imaginary: computed, constant or a number; None: there is none


def _both(b: Builder, x: Any, y: Any, kind: str) -> Any:
    """``x op y``, or what is there of them; constants among themselves stay so."""
    if x is None or y is None:
        if kind == "mul" or (x is None and y is None):
            return None
        return x if y is None else y if kind == "add" else _both(b, y, -1.0, "mul")
    if isinstance(x, Tensor) or isinstance(y, Tensor):
        return combine(b, x, y, kind)
    return {"add": np.add, "sub": np.subtract, "mul": np.multiply}[kind](x, y)


def _complex(b: Builder, real: Any, imaginary: Any) -> Complex:
    """A part that is constant becomes a tensor like the other, which is not."""
    if not isinstance(real, Tensor):
        real = combine(b, b.binary_constant(imaginary, "mul", number(0)), real, "add")
    if imaginary is not None and not isinstance(imaginary, Tensor):
        imaginary = combine(b, b.binary_constant(real, "mul", number(0)), imaginary, "add")
    return Complex(real, imaginary)


def product(b: Builder, x: Parts, y: Parts, matrices: bool = False) -> Any:
    """``x y``, or ``x @ y``; of constants alone their parts."""

    def times(p: Any, q: Any) -> Any:
        if matrices:
            return None if p is None or q is None else matmul(b, p, q)
        return _both(b, p, q, "mul")

    real = _both(b, times(x[0], y[0]), times(x[1], y[1]), "sub")
    imaginary = _both(b, times(x[0], y[1]), times(x[1], y[0]), "add")
    computed = isinstance(real, Tensor) or isinstance(imaginary, Tensor)
    return _complex(b, real, imaginary) if computed else (real, imaginary)


def total(b: Builder, x: Parts, y: Complex | Parts) -> Complex:
    """``x + y``"""
    second = (y.real, y.imaginary) if isinstance(y, Complex) else y
    return _complex(b, *(_both(b, one, other, "add") for one, other in zip(x, second, strict=True)))


def quotient(b: Builder, x: Parts, y: Parts) -> Complex:
    """``x / y``: times the conjugate of y over its square, where it has an imaginary part."""
    if y[1] is None:
        return _complex(b, *(None if part is None else combine(b, part, y[0], "div") for part in x))
    size = _both(b, _both(b, y[0], y[0], "mul"), _both(b, y[1], y[1], "mul"), "add")
    top = product(b, x, (y[0], _both(b, y[1], -1.0, "mul")))
    parts = (top.real, top.imaginary) if isinstance(top, Complex) else top
    return _complex(b, *(None if part is None else combine(b, part, size, "div") for part in parts))


def conjugate(b: Builder, x: Complex) -> Complex:
    return x if x.imaginary is None else Complex(x.real, negative(b, x.imaginary))


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
