"""Spectrograms and other Fourier transforms, samples of a grid, and three dimensions, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_integers import Fn, check
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur.errors import UnsupportedOperatorError

HANN = torch.hann_window(16)
SPECTRA: dict[str, Callable[[torch.Tensor], Any]] = {
    "magnitude": lambda x: torch.stft(x, 16, 8, window=HANN, return_complex=True).abs(),
    "parts": lambda x: torch.view_as_real(torch.stft(x, 16, 5, window=HANN, return_complex=True)),
    "no centre": lambda x: torch.stft(x, 16, 4, window=HANN, center=False, return_complex=True).abs(),
    "short window": lambda x: torch.stft(x, 16, 4, 10, torch.hann_window(10), return_complex=True).real,
    "scaled, both sides": lambda x: (
        torch.stft(x, 16, 4, window=HANN, normalized=True, onesided=False, return_complex=True).imag
    ),
    "no window": lambda x: torch.stft(x, 12, 4, window=torch.ones(12), return_complex=True).abs(),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("shape", [(1, 64), (3, 50), (40,)])
def test_spectrogram(name: str, shape: tuple[int, ...]) -> None:
    check(Fn(SPECTRA[name]), (torch.randn(shape),), (torch.randn(shape),))


TRANSFORMS: dict[str, Callable[[torch.Tensor], Any]] = {
    "both dimensions": lambda x: torch.fft.fftn(x, dim=(1, 2)).real,
    "nested": lambda x: torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real,
    "imaginary": lambda x: torch.fft.fft(x).imag,
    "half": lambda x: torch.fft.rfft(x, norm="ortho").abs(),
    "filled": lambda x: torch.fft.irfft(torch.fft.rfft(x, n=20) * 2, n=15),
    "cut": lambda x: torch.fft.irfft(torch.fft.fft(x, n=7)[..., :3], n=8),
    "scaled": lambda x: torch.fft.fft(x, dim=1, norm="forward").real,
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform(name: str) -> None:
    check(Fn(TRANSFORMS[name]), (torch.randn(2, 6, 10),), (torch.randn(2, 6, 10),))


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("outside", ["zeros", "border"])
def test_grid_sample(align: bool, outside: str) -> None:
    def network(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        return F.grid_sample(x, grid, padding_mode=outside, align_corners=align)

    def inputs() -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(2, 3, 5, 7), torch.rand(2, 4, 3, 2) * 3 - 1.5  # a third of the places lie outside

    check(Fn(network), inputs(), inputs())
    grid = inputs()[1][:1].expand(2, 4, 3, 2)
    check(Fn(lambda x: network(x, grid)), inputs()[:1], inputs()[:1])
    each = inputs()[1]
    check(Fn(lambda x: network(x, each)), inputs()[:1], inputs()[:1])


def test_spatial_transformer() -> None:
    def network(where: nn.Module, x: torch.Tensor) -> torch.Tensor:
        theta = where(x.flatten(1)).view(-1, 2, 3) * 0.3
        return F.grid_sample(x, F.affine_grid(theta, [2, 1, 6, 8], align_corners=False), align_corners=False)

    check(Fn(network, nn.Linear(48, 6)), (torch.randn(2, 1, 6, 8),), (torch.randn(2, 1, 6, 8),))


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(
    ("mode", "outside"),
    [
        ("nearest", "zeros"),
        ("nearest", "border"),
        ("nearest", "reflection"),
        ("bicubic", "zeros"),
        ("bilinear", "reflection"),
    ],
)
def test_grid_sample_in_other_modes(align: bool, mode: str, outside: str) -> None:
    def network(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        return F.grid_sample(x, grid, mode, outside, align)

    def inputs() -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(2, 3, 5, 7), torch.rand(2, 4, 3, 2) * 5 - 2.5

    check(Fn(network), inputs(), inputs())
    grid = inputs()[1]
    check(Fn(lambda x: network(x, grid[:1].expand(2, 4, 3, 2))), inputs()[:1], inputs()[:1])


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("outside", ["zeros", "border", "reflection"])
def test_grid_sample_of_volumes(mode: str, outside: str) -> None:
    def network(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        return F.grid_sample(x, grid, mode, outside, align_corners=False)

    def inputs() -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(2, 3, 4, 5, 6), torch.rand(2, 2, 3, 2, 3) * 3 - 1.5

    check(Fn(network), inputs(), inputs())
    grid = inputs()[1]
    check(Fn(lambda x: network(x, grid[:1].expand(2, 2, 3, 2, 3))), inputs()[:1], inputs()[:1])


INVERSES: dict[str, dict[str, Any]] = {
    "centred": {"window": torch.hann_window(16)},
    "a short window": {"window": torch.hamming_window(12), "win_length": 12},
    "not centred": {"window": torch.hamming_window(16) + 0.1, "center": False},
    "scaled and longer": {"window": torch.hann_window(16), "normalized": True, "length": 70},
    "ones": {"window": torch.ones(10), "win_length": 10},
}


@pytest.mark.parametrize("name", INVERSES)
def test_inverse_spectrogram(name: str) -> None:
    """Vocoders change a spectrogram and go back."""

    def network(x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(x, 16, 4, window=torch.hann_window(16), return_complex=True)
        return torch.istft(torch.polar(spectrum.abs() + 0.5, spectrum.angle()), 16, 4, **INVERSES[name])

    check(Fn(network), (torch.randn(2, 64),), (torch.randn(2, 64),))
    check(Fn(network), (torch.randn(64),), (torch.randn(64),))


VOLUMES: dict[str, nn.Module] = {
    "conv": nn.Conv3d(4, 6, 3),
    "strides and padding": nn.Conv3d(4, 6, (3, 1, 2), stride=(2, 1, 2), padding=(1, 0, 1)),
    "dilated": nn.Conv3d(4, 6, (2, 3, 2), dilation=(2, 1, 2)),
    "groups": nn.Conv3d(4, 6, 3, padding=1, groups=2),
    "depthwise": nn.Conv3d(4, 4, 3, padding=1, groups=4, bias=False),
    "same": nn.Conv3d(4, 5, (2, 3, 4), padding="same"),
    "max": nn.MaxPool3d(2),
    "max, padded": nn.MaxPool3d((3, 2, 3), (2, 2, 1), (1, 0, 1)),
    "max, dilated, up": nn.MaxPool3d(2, 2, dilation=2, ceil_mode=True),
    "average": nn.AvgPool3d((2, 3, 2), 1),
    "to one": nn.AdaptiveAvgPool3d(1),
    "network": nn.Sequential(
        nn.Conv3d(4, 6, 3, bias=False),
        nn.BatchNorm3d(6),
        nn.ReLU(),
        nn.Conv3d(6, 4, 2),
        nn.Flatten(),
        nn.Linear(64, 3),
    ),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_volume(name: str) -> None:
    module = VOLUMES[name]
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm3d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    for batch in (1, 2):
        check(module, (torch.randn(batch, 4, 5, 7, 5),), (torch.randn(batch, 4, 5, 7, 5),))


def test_constants_take_the_type_of_what_is_computed() -> None:
    table = torch.arange(12).view(1, 3, 4)
    check(
        Fn(lambda x: x * table.type_as(x) + table[:, :1].expand_as(x)),
        (torch.randn(2, 3, 4),),
        (torch.randn(2, 3, 4),),
    )


def test_refusals() -> None:
    with pytest.raises(UnsupportedOperatorError, match="abs, angle, real and imag"):
        sct.compile(Fn(lambda x: torch.fft.fft(x).exp().real), torch.randn(2, 8))
    with pytest.raises(UnsupportedOperatorError, match="bicubic grid sampling"):
        sct.compile(
            Fn(lambda x, g: F.grid_sample(x, g, "bicubic", "border", align_corners=False)),
            (torch.randn(1, 1, 4, 4), torch.rand(1, 2, 2, 2)),
        )
    with pytest.raises(UnsupportedOperatorError, match="leaves padding out"):
        sct.compile(nn.AvgPool3d(3, 1, 1, count_include_pad=False), torch.randn(1, 2, 4, 4, 4))
    with pytest.raises(UnsupportedOperatorError, match="reaches beyond the depth"):
        sct.compile(nn.MaxPool3d(2, 2, dilation=2, ceil_mode=True), torch.randn(1, 2, 6, 5, 5))
