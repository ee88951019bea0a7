"""Fourier transforms, and what is made of complex numbers."""

from __future__ import annotations

import numpy as np

from secateur.frontend.torch.registry import Args, reads
from secateur.ir.types import Array
from secateur.lowering import complex as lowering
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.complex import Complex
from secateur.lowering.gather import pad
from secateur.lowering.unsupported import Unsupported


def _window(a: Args) -> Array | None:
    """The one that is given, or ones of the length that is."""
    window = a.maybe_const("window")
    return np.ones(int(a.get("win_length")), np.float32) if window is None and a.has("win_length") else window


@reads("stft.default", "stft.center")
def stft(b: Builder, a: Args) -> Tensor | Complex:
    x, size = a.tensor("self" if a.has("self") else "input"), int(a.get("n_fft"))
    if a.get("center"):
        x = pad(b, x, {x.rank - 1: (size // 2, size // 2)}, str(a.get("pad_mode")))
    window = _window(a)
    y = lowering.short_time(
        b,
        x,
        size,
        int(a.get("hop_length") or size // 4),
        window,
        scaled=bool(a.get("normalized")),
        half=a.get("onesided") is not False,
    )
    return y if a.get("return_complex") else lowering.as_real(b, y)


@reads("istft.default")
def istft(b: Builder, a: Args) -> Tensor:
    x, size = a.complex("self"), int(a.get("n_fft"))
    hop = int(a.get("hop_length") or size // 4)
    if a.get("return_complex") or x.shape[-2] != size // 2 + 1:
        raise Unsupported("an inverse spectrogram of complex samples")
    window = _window(a)
    start = size // 2 if a.get("center") else 0
    length = a.get("length")
    if length is None:
        length = size + hop * (x.shape[-1] - 1) - 2 * start
    scaled = bool(a.get("normalized"))
    return lowering.from_short_time(b, x, size, hop, window, scaled=scaled, start=start, length=int(length))


def _factor(size: int, norm: int) -> float:
    """Of torch's numbers of normalisations: none, by the root, by the size."""
    return (1.0, size**-0.5, 1 / size)[norm]


@reads("_fft_c2c.default", "_fft_r2c.default")
def transform(b: Builder, a: Args) -> Complex:
    x = a.complex("self")
    dims, norm = a.ints("dim"), int(a.get("normalization"))
    half, inverse = bool(a.get("onesided")), a.get("forward") is False
    for i, dim in enumerate(reversed(dims)):  # of real numbers the last dimension has half the frequencies
        factor = _factor(x.shape[dim % len(x.shape)], norm)
        x = lowering.fourier(b, x, dim, factor=factor, half=half and i == 0, inverse=inverse)
    return x


@reads("_fft_c2r.default")
def back(b: Builder, a: Args) -> Tensor:
    """Of half the frequencies of the last of these dimensions, those of real numbers."""
    x, size, norm = a.complex("self"), int(a.get("last_dim_size")), int(a.get("normalization"))
    *others, last = (dim % len(x.shape) for dim in a.ints("dim"))
    x = lowering.cut_or_filled(b, x, last, size // 2 + 1)
    for dim in others:
        x = lowering.fourier(b, x, dim, factor=_factor(x.shape[dim], norm), inverse=True)
    return lowering.real_from_half(b, x, last, size, _factor(size, norm))


@reads("fft_fft.default", "fft_fftn.default", "fft_fft2.default", "fft_rfft.default")
def fft(b: Builder, a: Args) -> Complex:
    x = a.complex("self")
    given = a.ints("dim") or (list(range(len(x.shape))) if a.target.startswith("fft_fftn") else [-1])
    sizes = a.ints("s") if a.has("s") else a.ints("n") if a.has("n") else []
    for dim, size in zip(given, sizes, strict=False):
        x = lowering.cut_or_filled(b, x, dim % len(x.shape), size)
    norm = {None: 0, "backward": 0, "ortho": 1, "forward": 2}[a.get("norm")]
    for dim in given:
        half = a.target.startswith("fft_rfft")
        x = lowering.fourier(b, x, dim, factor=_factor(x.shape[dim % len(x.shape)], norm), half=half)
    return x


@reads("view_as_real.default")
def view_as_real(b: Builder, a: Args) -> Tensor:
    return lowering.as_real(b, a.complex("self"))


@reads("real.default")
def real(b: Builder, a: Args) -> Tensor:
    return a.complex("self").real


@reads("imag.default")
def imaginary(b: Builder, a: Args) -> Tensor:
    return lowering.imaginary(b, a.complex("self"))
