"""Complex numbers on the way: spectra that are filtered and transformed back, rotations of pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from test_operators import Fn

import secateur as sct

generator = torch.Generator().manual_seed(5)
FILTER = torch.randn(5, 5, dtype=torch.complex64, generator=generator)
MIXING = torch.randn(3, 5, 2, dtype=torch.complex64, generator=generator)
TURNS = torch.polar(torch.ones(7, 3), torch.randn(7, 3, generator=generator))


def global_filter(x: torch.Tensor) -> torch.Tensor:
    """GFNet's: a product in the frequencies of an image."""
    return torch.fft.irfft2(torch.fft.rfft2(x, norm="ortho") * FILTER, s=(5, 8), norm="ortho")


def low_frequencies(x: torch.Tensor) -> torch.Tensor:
    """A Fourier neural operator's: a few frequencies, mixed, the others zeros."""
    f = torch.fft.rfft(x, dim=-1)
    kept = f[..., :3] * FILTER[0, :3] + f[..., :3].mean(1, keepdim=True)
    return torch.fft.irfft(torch.cat([kept, torch.zeros_like(f[..., 3:])], -1), n=x.shape[-1])


def mixed(x: torch.Tensor) -> torch.Tensor:
    """The same with weights for each frequency and pair of channels."""
    out = torch.zeros(2, 5, 5, dtype=torch.cfloat)
    out[:, :, :2] = torch.einsum("bix,iox->box", torch.fft.rfft(x)[:, :, :2], MIXING)
    return torch.fft.irfft(out, n=8)


def rotated(x: torch.Tensor) -> torch.Tensor:
    """Rotary embedding as Llama was first written."""
    pairs = torch.view_as_complex(x.reshape(2, 7, 4, 3, 2))
    return torch.view_as_real(pairs * TURNS[:, None]).flatten(3)


NETWORKS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], tuple[int, ...]]] = {
    "global filter": (global_filter, (2, 3, 5, 8)),
    "low frequencies": (low_frequencies, (2, 3, 8)),
    "mixed": (mixed, (2, 3, 8)),
    "odd size": (lambda x: torch.fft.irfft(torch.fft.rfft(x) * (2 - 1j), n=7), (2, 7)),
    "there and back": (lambda x: torch.fft.ifft(torch.fft.fft(x) + 1j).real, (2, 6)),
    "rotary": (rotated, (2, 7, 24)),
    "products": (lambda x: (torch.fft.fft(x[:, :4]) * torch.fft.fft(x[:, 4:]).conj()).imag, (2, 8)),
    "quotients": (lambda x: (torch.fft.fft(x) / (3 + 4j) - torch.fft.fft(x) / 2).real, (2, 6)),
    "polar": (lambda x: torch.stack([torch.fft.rfft(x).abs(), torch.fft.rfft(x).angle()]), (1, 3, 7)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name: str) -> None:
    function, shape = NETWORKS[name]
    session = sct.Session(sct.compile(Fn(function), torch.randn(shape)))
    x = torch.randn(shape)
    want = function(x).numpy()
    np.testing.assert_allclose(session.run(x.numpy()), want, rtol=0, atol=1e-5 * np.abs(want).max())
