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


class WindowAttention(nn.Module):
    """Swin's: windows of a shifted image, a learned bias for each pair of places, and back."""

    def __init__(self, channels: int, heads: int, size: int, shift: int) -> None:
        super().__init__()
        self.heads, self.size, self.shift = heads, size, shift
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.randn(heads, size * size, size * size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, h, w, c = x.shape
        s = self.size
        y = torch.roll(self.norm(x), (-self.shift, -self.shift), (1, 2)) if self.shift else self.norm(x)
        y = y.view(b, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s * s, c)
        qkv = self.qkv(y).reshape(-1, s * s, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0] * (c // self.heads) ** -0.5, qkv[1], qkv[2]
        y = (q @ k.transpose(-2, -1) + self.bias).softmax(-1) @ v
        y = self.out(y.transpose(1, 2).reshape(-1, s * s, c))
        y = y.view(b, h // s, w // s, s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        return x + (torch.roll(y, (self.shift, self.shift), (1, 2)) if self.shift else y)


class MobileViTBlock(nn.Module):
    """Pixels at the same place of every patch attend to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.to_tokens = nn.Conv2d(6, 12, 1)
        self.encoder = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True, activation="gelu")
        self.to_image = nn.Conv2d(12, 6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.to_tokens(x)
        b, c, h, w = y.shape
        y = y.reshape(b * c * h // 2, 2, w // 2, 2).transpose(1, 2).reshape(b, c, h * w // 4, 4)
        y = self.encoder(y.transpose(1, 3).reshape(b * 4, -1, c)).reshape(b, 4, -1, c)
        y = y.transpose(1, 3).reshape(b * c * h // 2, w // 2, 2, 2).transpose(1, 2).reshape(b, c, h, w)
        return x + self.to_image(y)


def rotate(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Rotary embedding of [B, heads, T, d], halves against each other."""
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * angle.cos() + turned * angle.sin()


class RotaryAttention(nn.Module):
    """A language model's: rotary embedding, fewer heads of keys than of queries, a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv = nn.Linear(16, 16), nn.Linear(16, 16)
        self.scale = nn.Parameter(torch.rand(16) + 0.5)
        half = torch.arange(7.0).unsqueeze(1) / 10 ** torch.arange(2.0)
        self.register_buffer("angle", torch.cat([half, half], -1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, _ = x.shape
        y = x / (x.abs().mean(-1, keepdim=True) + 1e-6) * self.scale
        q = rotate(self.q(y).view(b, t, 4, 4).transpose(1, 2), self.angle)
        k, v = self.kv(y).view(b, t, 2, 2, 4).permute(3, 0, 2, 1, 4)
        k = rotate(k, self.angle).repeat_interleave(2, 1)
        v = v.repeat_interleave(2, 1)
        mask = torch.full((t, t), float("-inf")).triu(1)
        weights = (q @ k.transpose(-2, -1) / 2 + mask).softmax(-1)
        return x + (weights @ v).transpose(1, 2).reshape(b, t, 16)


class SSDHeads(nn.Module):
    """Boxes and classes of two scales, one behind the other."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes = nn.ModuleList([nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(4, 8, 3, 2, 1)])
        self.classes = nn.ModuleList([nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(4, 6, 3, 2, 1)])

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        def joined(heads: nn.ModuleList, width: int) -> torch.Tensor:
            parts = [head(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, width) for head in heads]
            return torch.cat(parts, 1)

        return joined(self.boxes, 4), joined(self.classes, 3).softmax(-1)


def test_window_attention() -> None:
    program = compiled(WindowAttention(8, 2, 4, 0), (2, 8, 12, 8))
    assert {"Permute", "Conv", "LayerNorm"} <= set(kinds(program))


def test_products_that_einsum_writes() -> None:
    compiled(Fn(lambda x, y: torch.einsum("bhid,bhjd->bhij", x, y).relu()), (2, 3, 5, 4), (2, 3, 6, 4))
    compiled(Fn(lambda x, y: torch.einsum("bct,bdt->bcd", x, y)), (2, 5, 9), (2, 4, 9))


def test_norms_over_any_dimensions() -> None:
    compiled(Fn(lambda x: x / (x.square().sum((0, 2), keepdim=True) + 1)), (3, 6, 5, 4))
    compiled(Fn(lambda x: x - x.amin((1, 3), keepdim=True)), (3, 6, 5, 4))


def test_mobile_vit() -> None:
    compiled(MobileViTBlock(), (2, 6, 4, 6))


def test_shifted_window_attention() -> None:
    compiled(WindowAttention(8, 2, 4, 2), (2, 8, 12, 8))


def test_rotary_embedding_and_grouped_queries() -> None:
    compiled(RotaryAttention(), (2, 7, 16))


def test_detection_heads() -> None:
    compiled(SSDHeads(), (2, 4, 8, 6))


def test_parts_of_the_batch() -> None:
    compiled(Fn(lambda c, x: c(torch.cat([x[1:], x[:1]], 0)), nn.Conv2d(4, 3, 3)), (3, 4, 7, 6))
    compiled(Fn(lambda x: F.pad(x, (0, 0, 0, 0, 0, 0, 1, 2), value=0.5).relu()), (2, 3, 4, 5))
    compiled(Fn(lambda x: torch.stack([x, 2 * x], 1).flatten(0, 1)), (2, 3, 4, 5))


def test_indices_along_any_dimension() -> None:
    compiled(Fn(lambda x: x.roll((1, -2), (0, 2)).flip(0)), (3, 4, 7, 6))
    compiled(Fn(lambda x: x.reshape(3, 24).roll(5, 1).softmax(1)), (3, 4, 3, 2))
