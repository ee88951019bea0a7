"""Networks as people write them in plain PyTorch, small and with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Recurrent(nn.Module):
    """A keyword spotter or sequence classifier over a recurrent layer."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__()
        self.rnn = getattr(nn, kind)(20, 32, batch_first=True, **options)
        self.head = nn.Linear(32 * (2 if options.get("bidirectional") else 1), 10)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.rnn(x)
        return self.head(y[:, -1])


class Forecaster(nn.Module):
    """An LSTM over a history, every step's output used."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 32, num_layers=2, batch_first=True)
        self.head = nn.Linear(32, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0])


class UNet(nn.Module):
    def __init__(self, up: str) -> None:
        super().__init__()
        self.up = up
        self.a, self.b, self.c = self._block(3, 8), self._block(8, 16), self._block(16, 32)
        self.raise_b = nn.ConvTranspose2d(32, 16, 2, stride=2) if up == "transposed" else nn.Conv2d(32, 16, 1)
        self.raise_a = nn.ConvTranspose2d(16, 8, 2, stride=2) if up == "transposed" else nn.Conv2d(16, 8, 1)
        self.down_b, self.down_a, self.head = self._block(32, 16), self._block(16, 8), nn.Conv2d(8, 2, 1)

    @staticmethod
    def _block(i: int, o: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1)
        )

    def _raise(self, layer: nn.Module, x: Tensor) -> Tensor:
        y: Tensor = layer(x)
        return y if self.up == "transposed" else F.interpolate(y, scale_factor=2.0, mode=self.up)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        b = self.b(F.max_pool2d(a, 2))
        c = self.c(F.max_pool2d(b, 2))
        y = self.down_b(torch.cat([b, self._raise(self.raise_b, c)], 1))
        out: Tensor = self.head(self.down_a(torch.cat([a, self._raise(self.raise_a, y)], 1)))
        return out


class Style(nn.Module):
    """Style transfer: reflected borders, instance norm, upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.ReflectionPad2d(4),
            nn.Conv2d(3, 8, 9),
            nn.InstanceNorm2d(8, affine=True),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.InstanceNorm2d(16, affine=True),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.ReflectionPad2d(1),
            nn.Conv2d(16, 3, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


class WaveNet(nn.Module):
    """Dilated causal convolutions with gates."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, 16, 1)
        self.gates = nn.ModuleList(nn.Conv1d(16, 32, 2, dilation=2**i) for i in range(5))
        self.mix = nn.ModuleList(nn.Conv1d(16, 16, 1) for _ in range(5))
        self.last = nn.Conv1d(16, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for i, (gate, mix) in enumerate(zip(self.gates, self.mix, strict=True)):
            y = gate(F.pad(x, (2**i, 0)))
            x = x + mix(torch.tanh(y[:, :16]) * torch.sigmoid(y[:, 16:]))
        y = self.last(F.relu(x))
        return y


class PointNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Sequential(nn.Conv1d(3, 32, 1), nn.BatchNorm1d(32), nn.ReLU(), nn.Conv1d(32, 64, 1))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.points(x.transpose(1, 2)).max(dim=2).values)
        return y


class SpatialTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.where = nn.Sequential(
            nn.Conv2d(1, 4, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 6)
        )
        self.net = nn.Conv2d(1, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        theta = self.where(x).view(-1, 2, 3)
        y: Tensor = self.net(
            F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)
        )
        return y


class Spectrogram(nn.Module):
    """A waveform's spectrogram, then a CNN."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(64))
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
        )

    def forward(self, x: Tensor) -> Tensor:
        z = torch.stft(x, 64, 32, window=self.window, return_complex=True)
        y: Tensor = self.net(torch.log(z.abs() + 1e-3)[:, None])
        return y


class Words(nn.Module):
    """Token ids with a padding mask, to a class."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(100, 32, padding_idx=0)
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(32, 5)

    def forward(self, ids: Tensor) -> Tensor:
        y = self.encoder(self.words(ids), src_key_padding_mask=ids == 0)
        z: Tensor = self.head(y.mean(1))
        return z


class Seq2Seq(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Transformer(32, 4, 1, 1, 64, batch_first=True)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        y: Tensor = self.net(source, target)
        return y


class Rotary(nn.Module):
    """Grouped-query attention with rotary positions and RMS norms, as decoders of today have it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(64)
        self.q, self.k, self.v = nn.Linear(64, 64), nn.Linear(64, 32), nn.Linear(64, 32)
        self.out, self.up, self.gate = nn.Linear(64, 64), nn.Linear(64, 96), nn.Linear(64, 96)
        self.down = nn.Linear(96, 64)
        angle = torch.arange(12)[:, None] / 10000 ** (torch.arange(8) / 8)
        self.register_buffer("cos", torch.cat([angle.cos(), angle.cos()], 1))
        self.register_buffer("sin", torch.cat([angle.sin(), angle.sin()], 1))

    def _turn(self, x: Tensor) -> Tensor:
        half = torch.cat([-x[..., 8:], x[..., :8]], -1)
        return x * self.cos + half * self.sin

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        y = self.norm(x)
        q = self._turn(self.q(y).view(b, t, 4, 16).transpose(1, 2))
        k = self._turn(self.k(y).view(b, t, 2, 16).transpose(1, 2))
        v = self.v(y).view(b, t, 2, 16).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, 64))
        y = self.norm(x)
        z: Tensor = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return z


def _sequential(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


def _x(*shape: int) -> tuple[Tensor, ...]:
    return (torch.randn(*shape),)


def plain_networks() -> dict[str, Callable[[], tuple[nn.Module, tuple[Any, ...]]]]:
    """Name -> what makes the network and its inputs."""
    recurrent = {
        "gru": ("GRU", {}),
        "gru-two-layers": ("GRU", {"num_layers": 2}),
        "gru-bidirectional": ("GRU", {"bidirectional": True}),
        "lstm": ("LSTM", {}),
        "lstm-bidirectional": ("LSTM", {"bidirectional": True}),
        "rnn": ("RNN", {}),
    }
    found: dict[str, Callable[[], tuple[nn.Module, tuple[Any, ...]]]] = {
        f"plain/{name}": lambda k=kind, o=options: (Recurrent(k, **o), _x(1, 16, 20))
        for name, (kind, options) in recurrent.items()
    }
    conv = nn.Conv2d
    found |= {
        "plain/lstm-forecaster": lambda: (Forecaster(), _x(1, 24, 8)),
        "plain/unet-transposed": lambda: (UNet("transposed"), _x(1, 3, 32, 32)),
        "plain/unet-bilinear": lambda: (UNet("bilinear"), _x(1, 3, 32, 32)),
        "plain/unet-nearest": lambda: (UNet("nearest"), _x(1, 3, 32, 32)),
        "plain/style-transfer": lambda: (Style(), _x(1, 3, 32, 32)),
        "plain/wavenet": lambda: (WaveNet(), _x(1, 1, 64)),
        "plain/pointnet": lambda: (PointNet(), _x(1, 50, 3)),
        "plain/spatial-transformer": lambda: (SpatialTransformer(), _x(1, 1, 28, 28)),
        "plain/spectrogram": lambda: (Spectrogram(), _x(1, 1600)),
        "plain/words": lambda: (Words(), (torch.randint(1, 100, (1, 12)),)),
        "plain/transformer": lambda: (Seq2Seq(), (torch.randn(1, 10, 32), torch.randn(1, 8, 32))),
        "plain/rotary-decoder": lambda: (Rotary(), _x(1, 12, 64)),
        "plain/mlp": lambda: (
            _sequential(nn.Linear(20, 64), nn.ELU(), nn.Linear(64, 64), nn.Mish(), nn.Linear(64, 4)),
            _x(1, 20),
        ),
        "plain/group-norm": lambda: (
            _sequential(conv(3, 16, 3), nn.GroupNorm(4, 16), nn.SiLU(), conv(16, 8, 3)),
            _x(1, 3, 24, 24),
        ),
        "plain/prelu": lambda: (
            _sequential(conv(3, 16, 3), nn.PReLU(16), conv(16, 8, 3), nn.PReLU()),
            _x(1, 3, 24, 24),
        ),
        "plain/pixel-shuffle": lambda: (
            _sequential(conv(3, 16, 5, padding=2), nn.Tanh(), conv(16, 12, 3, padding=1), nn.PixelShuffle(2)),
            _x(1, 3, 24, 24),
        ),
        "plain/autoencoder": lambda: (
            _sequential(
                conv(1, 8, 3, 2, 1),
                nn.ReLU(),
                nn.ConvTranspose2d(8, 1, 3, 2, 1, output_padding=1),
                nn.Sigmoid(),
            ),
            _x(1, 1, 28, 28),
        ),
        "plain/generator": lambda: (
            _sequential(
                nn.Unflatten(1, (32, 1, 1)),
                nn.ConvTranspose2d(32, 16, 4),
                nn.BatchNorm2d(16),
                nn.LeakyReLU(0.2),
                nn.ConvTranspose2d(16, 3, 4, 2, 1),
                nn.Tanh(),
            ),
            _x(1, 32),
        ),
        "plain/conv3d": lambda: (
            _sequential(nn.Conv3d(1, 8, 3), nn.ReLU(), nn.MaxPool3d(2), nn.Flatten(), nn.Linear(8 * 27, 4)),
            _x(1, 1, 8, 8, 8),
        ),
        "plain/conv1d": lambda: (
            _sequential(
                nn.Conv1d(20, 32, 5),
                nn.BatchNorm1d(32),
                nn.ReLU(),
                nn.MaxPool1d(2),
                nn.AdaptiveAvgPool1d(1),
                nn.Flatten(),
                nn.Linear(32, 10),
            ),
            _x(1, 20, 40),
        ),
        "plain/adaptive-pool": lambda: (
            _sequential(conv(3, 8, 3), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 4)),
            _x(1, 3, 21, 21),
        ),
        "plain/embedding-bag": lambda: (
            _sequential(nn.Embedding(50, 16), nn.Flatten(), nn.Linear(160, 4)),
            (torch.randint(0, 50, (1, 10)),),
        ),
        "plain/log-softmax": lambda: (
            _sequential(
                conv(1, 8, 3), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(8 * 36, 10), nn.LogSoftmax(1)
            ),
            _x(1, 1, 8, 8),
        ),
        "plain/softplus": lambda: (
            _sequential(nn.Linear(8, 16), nn.Softplus(), nn.Linear(16, 2), nn.Softsign()),
            _x(1, 8),
        ),
        "plain/local-response": lambda: (
            _sequential(conv(3, 8, 3), nn.LocalResponseNorm(5), nn.ReLU()),
            _x(1, 3, 16, 16),
        ),
        "plain/attention": lambda: (
            nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=True),
            _x(1, 10, 32),
        ),
    }
    return found
