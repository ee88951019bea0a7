"""Networks whose orders of dimensions planes do not express: compiled, run, and compared with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import secateur as sct


class Fn(nn.Module):
    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, *x: torch.Tensor) -> Any:
        return self.function(*self.parts, *x)


def compiled(module: nn.Module, *shapes: tuple[int, ...]) -> sct.Program:
    """Compiled (and verified there), then run on other inputs with one thread and with two."""
    torch.manual_seed(0)
    module = module.eval().requires_grad_(False)
    program = sct.compile(module, tuple(torch.randn(shape) for shape in shapes))
    inputs = [torch.randn(shape) for shape in shapes]
    wanted = module.double()(*(x.double() for x in inputs))
    wanted = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    for threads in (1, 2):
        session = sct.Session(program.to_bytes(), threads=threads)
        got = session.run([x.numpy() for x in inputs])
        got = got if isinstance(got, tuple) else (got,)
        for y, want in zip(got, wanted, strict=True):
            assert y.shape == tuple(want.shape)
            scale = max(1.0, float(want.abs().max()))
            np.testing.assert_allclose(y, want.numpy(), rtol=0, atol=2e-5 * scale)
    return program


def kinds(program: sct.Program) -> list[str]:
    return [layer.op for layer in program.layers]


class ShuffleUnit(nn.Module):
    """ShuffleNet's: grouped 1x1 convolutions between which channels change places."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(12, 12, 1, groups=3)
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.last = nn.Conv2d(12, 12, 1, groups=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.channel_shuffle(self.first(x).relu(), 3)
        return (x + self.last(self.depthwise(y))).relu()


class SuperResolution(nn.Module):
    """ESPCN: convolutions on the small image, channels unfolded into a large one."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.PixelUnshuffle(2)
        self.body = nn.Conv2d(12, 27, 3, padding=1)
        self.up = nn.PixelShuffle(3)
        self.smooth = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.smooth(self.up(self.body(self.down(x)).relu()))


class BoxDecoder(nn.Module):
    """YOLOv8's distribution focal loss: a softmax over bins, then their mean by a 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(8, 4 * 16, 1)
        self.project = nn.Conv2d(16, 1, 1, bias=False)
        self.project.weight.data[:] = torch.arange(16.0).view(1, 16, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.head(x).flatten(2)
        batch, _, anchors = y.shape
        y = y.view(batch, 4, 16, anchors).transpose(2, 1).softmax(1)
        return self.project(y).view(batch, 4, anchors)


def test_channel_shuffle() -> None:
    compiled(ShuffleUnit(), (2, 12, 9, 7))


def test_pixel_shuffle_and_back() -> None:
    assert kinds(compiled(SuperResolution(), (1, 3, 12, 10))).count("Permute") == 1


def test_box_decoder() -> None:
    assert "Permute" in kinds(compiled(BoxDecoder(), (2, 8, 5, 4)))


def test_windows_over_what_were_other_axes() -> None:
    compiled(Fn(lambda x: F.max_pool1d(x.view(3, 8, 8).permute(1, 0, 2), 2)), (1, 3, 8, 8))
    compiled(Fn(lambda m, x: m(x.reshape(2, 16, 16)), nn.Linear(16, 3)), (2, 4, 8, 8))


def test_orders_of_an_output() -> None:
    compiled(Fn(lambda c, x: c(x).permute(2, 0, 3, 1), nn.Conv2d(4, 5, 3)), (2, 4, 7, 8))
