"""Transposed convolutions of every kind, against PyTorch; pruned zeros stay zeros."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from test_operators import check
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur.errors import UnsupportedOperatorError

CASES = {
    "2x2 stride 2": nn.ConvTranspose2d(4, 6, 2, 2),
    "3x3 stride 2": nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1),
    "4x4 stride 2": nn.ConvTranspose2d(4, 6, 4, 2, 1),
    "no bias": nn.ConvTranspose2d(4, 6, 4, 2, 1, bias=False),
    "uneven": nn.ConvTranspose2d(4, 6, (5, 2), (3, 1), (2, 0), (1, 0)),
    "kernel below stride": nn.ConvTranspose2d(4, 6, 2, 3, output_padding=2),
    "dilated": nn.ConvTranspose2d(4, 6, 3, 2, 2, dilation=2),
    "dilated by 3": nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, dilation=3),
    "grouped": nn.ConvTranspose2d(4, 6, 3, 2, 1, groups=2),
    "depthwise": nn.ConvTranspose2d(4, 4, 4, 2, 1, groups=4),
    "stride 1": nn.ConvTranspose2d(4, 6, 3, 1, 1),
    "stride 1 dilated": nn.ConvTranspose2d(4, 6, 3, dilation=2),
    "stride 1 depthwise": nn.ConvTranspose2d(4, 4, 3, groups=4),
    "padding above the kernel": nn.ConvTranspose2d(4, 6, 1, 1, 2),
    "padding above the kernel, stride 2": nn.ConvTranspose2d(4, 6, 2, 2, 5),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("batch", [1, 2])
def test_2d(name: str, batch: int) -> None:
    check(nn.Sequential(CASES[name]), (batch, 4, 9, 11))


@pytest.mark.parametrize(
    "layer",
    [nn.ConvTranspose1d(5, 7, 4, 2, 1), nn.ConvTranspose1d(6, 4, 3, 3, 1, 2, groups=2)],
    ids=["plain", "grouped"],
)
def test_1d(layer: nn.ConvTranspose1d) -> None:
    check(nn.Sequential(nn.Conv1d(3, layer.in_channels, 3), nn.ReLU(), layer), (2, 3, 13))


def test_between_layers() -> None:
    """A decoder's step: the convolution before and the one behind keep planes."""
    check(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(4, 6, 2, 2), nn.ReLU(), nn.Conv2d(6, 2, 3)),
        (1, 3, 8, 9),
    )


def test_pruned_zeros_survive() -> None:
    layer = nn.ConvTranspose2d(32, 32, 4, 2, 1)
    with torch.no_grad():
        layer.weight[torch.rand(layer.weight.shape, generator=torch.Generator().manual_seed(0)) < 0.9] = 0
    kept = int((layer.weight != 0).sum())
    program = check(nn.Sequential(layer), (1, 32, 6, 6))
    (conv,) = [found for found in program.layers if found.op == "Conv"]
    assert conv.format == "csr"
    assert conv.nnz == kept


@pytest.mark.parametrize(
    "how",
    [
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (2, 3), "stride": (2, 1), "dilation": (1, 2)},
        {"kernel_size": 2, "stride": 3},
    ],
    ids=["overlapping", "dilated", "apart"],
)
def test_fold(how: dict[str, Any]) -> None:
    """Windows weighted, then summed where they came from."""
    windows = nn.Unfold(**how)(torch.zeros(1, 2, 8, 9)).shape[1:]
    weight = torch.rand(windows, dtype=torch.float64) + 0.5

    class Network(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = F.unfold(x, **how) * weight.to(x.dtype)
            return F.fold(y, (8, 9), **how)

    check(Network(), (2, 2, 8, 9))


def test_refusal() -> None:
    with pytest.raises(UnsupportedOperatorError, match="a 3-D convolution of 4 dimensions"):
        sct.compile(nn.Sequential(nn.ConvTranspose3d(2, 2, 2)), torch.randn(2, 3, 4, 5))
