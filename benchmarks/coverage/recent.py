"""Designs of 2019 to 2026 and operators less met, as people write them, small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Made = tuple[nn.Module, tuple[Any, ...]]


class Of(nn.Module):
    """A function of modules and inputs."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*self.parts, *inputs)


class Packed(nn.Module):
    """A recurrent layer over packed sequences, their lengths fixed."""

    def __init__(self, layer: nn.RNNBase, lengths: tuple[int, ...]) -> None:
        super().__init__()
        self.layer, self.lengths = layer, lengths

    def forward(self, x: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, torch.tensor(self.lengths), batch_first=True, enforce_sorted=False)
        y: Tensor = pad_packed_sequence(self.layer(packed)[0], batch_first=True, total_length=x.shape[1])[0]
        return y


class Windowed(nn.Module):
    """Attention over a sliding window and a global first token (Longformer), by a mask."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        b, length, width = x.shape
        q, k, v = (t.view(b, length, self.heads, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        place = torch.arange(length)
        near = (place[:, None] - place[None]).abs() <= self.window
        seen = near | (place[:, None] == 0) | (place[None] == 0)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        out: Tensor = self.out(y.transpose(1, 2).reshape(b, length, width))
        return out


class Deformable(nn.Module):
    """Multi-scale deformable attention (Deformable DETR), by grid sampling."""

    def __init__(self, width: int = 16, heads: int = 2, points: int = 3) -> None:
        super().__init__()
        self.heads, self.points = heads, points
        self.offsets = nn.Linear(width, heads * 2 * points * 2)
        self.weights = nn.Linear(width, heads * 2 * points)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, query: Tensor, references: Tensor, *levels: Tensor) -> Tensor:
        b, n, width = query.shape
        shape = (b, n, self.heads, 2, self.points)
        offsets = self.offsets(query).view(*shape, 2)
        weights = self.weights(query).view(b, n, self.heads, -1).softmax(-1).view(shape)
        found = []
        for i, level in enumerate(levels):
            h, w = level.shape[-2:]
            value = self.value(level.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(-1, width // 2, h, w)
            grid = 2 * (references[:, :, None, None] + offsets[:, :, :, i] / torch.tensor([w, h])) - 1
            grid = grid.transpose(1, 2).flatten(0, 1)
            found.append(F.grid_sample(value, grid, padding_mode="zeros", align_corners=False))
        taken = torch.stack(found, -2).flatten(-2)
        w2 = weights.transpose(1, 2).reshape(b * self.heads, 1, n, -1)
        y: Tensor = self.out((taken * w2).sum(-1).view(b, width, n).transpose(1, 2))
        return y


class GatedDelta(nn.Module):
    """A delta rule with gates (DeltaNet), step by step."""

    def __init__(self, width: int = 16, size: int = 8) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, size, bias=False) for _ in range(3))
        self.gates, self.out = nn.Linear(width, 2), nn.Linear(size, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = F.normalize(self.q(x), dim=-1), F.normalize(self.k(x), dim=-1), self.v(x)
        alpha, beta = torch.sigmoid(self.gates(x)).unbind(-1)
        state, ys = torch.zeros(x.shape[0], v.shape[-1], k.shape[-1]), []
        for t in range(x.shape[1]):
            state = alpha[:, t, None, None] * state
            read = torch.einsum("bvk,bk->bv", state, k[:, t])
            change = beta[:, t, None] * (v[:, t] - read)
            state = state + change[:, :, None] * k[:, t, None, :]
            ys.append(torch.einsum("bvk,bk->bv", state, q[:, t]))
        y: Tensor = self.out(torch.stack(ys, 1))
        return y


class XLstm(nn.Module):
    """An sLSTM with exponential gates and their stabiliser."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.x, self.h = nn.Linear(width, 4 * width), nn.Linear(width, 4 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = c = n = m = x.new_zeros(x.shape[0], x.shape[2])
        for t in range(x.shape[1]):
            i, f, z, o = (self.x(x[:, t]) + self.h(h)).chunk(4, -1)
            f = F.logsigmoid(f)
            top = torch.maximum(f + m, i)
            i, f, m = torch.exp(i - top), torch.exp(f + m - top), top
            c, n = f * c + i * torch.tanh(z), f * n + i
            h = torch.sigmoid(o) * c / torch.clamp(n, min=1e-6)
        return h


class Chebyshev(nn.Module):
    """A Kolmogorov-Arnold layer of Chebyshev polynomials."""

    def __init__(self, inputs: int, outputs: int, degree: int) -> None:
        super().__init__()
        self.degree = degree
        self.weights = nn.Parameter(torch.randn(inputs, outputs, degree + 1) / inputs)

    def forward(self, x: Tensor) -> Tensor:
        angles = torch.acos(torch.tanh(x).clamp(-0.999, 0.999))[..., None] * torch.arange(self.degree + 1)
        return torch.einsum("bid,iod->bo", torch.cos(angles), self.weights)


class NHits(nn.Module):
    """N-HiTS: blocks at several rates, their forecasts interpolated and summed."""

    def __init__(self, length: int = 24, horizon: int = 12) -> None:
        super().__init__()
        self.rates, self.horizon = (4, 2, 1), horizon
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(length // r, 32), nn.ReLU(), nn.Linear(32, length + horizon // r))
            for r in self.rates
        )

    def forward(self, x: Tensor) -> Tensor:
        total = x[:, -1:].repeat(1, self.horizon)
        for rate, block in zip(self.rates, self.blocks, strict=True):
            theta = block(F.max_pool1d(x[:, None], rate, rate)[:, 0])
            x = x - theta[:, : x.shape[1]]
            knots = theta[:, None, x.shape[1] :]
            total = total + F.interpolate(knots, size=self.horizon, mode="linear")[:, 0]
        return total


class Differential(nn.Module):
    """Differential attention: one softmax less another."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.qkv, self.norm = nn.Linear(width, 5 * width), nn.RMSNorm(width)
        self.scale = nn.Parameter(torch.full((1,), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        q1, q2, k1, k2, v = self.qkv(x).chunk(5, -1)
        first, second = (torch.softmax(q @ k.mT / 4, -1) for q, k in ((q1, k1), (q2, k2)))
        y: Tensor = self.norm((first - self.scale * second) @ v)
        return y


def _gaussian(head: nn.Module, x: Tensor) -> Tensor:
    """Log-likelihood of Student's t, parameters by a layer (DeepAR)."""
    place, scale, nu = head(x).chunk(3, -1)
    scale, nu = F.softplus(scale) + 0.1, F.softplus(nu) + 2
    z = (x[:, :1] - place) / scale
    norm = torch.lgamma((nu + 1) / 2) - torch.lgamma(nu / 2) - 0.5 * torch.log(nu * torch.pi) - scale.log()
    return norm - (nu + 1) / 2 * torch.log1p(z * z / nu)


def _covariance(head: nn.Module, x: Tensor) -> Tensor:
    """The log-determinant of a covariance made by a layer."""
    a = head(x).view(-1, 3, 3)
    return torch.linalg.det(a @ a.mT + torch.eye(3)).log()


def _rotation(head: nn.Module, x: Tensor) -> Tensor:
    """Six numbers to a rotation (Zhou et al.), by Gram and Schmidt."""
    a, b = head(x).split(3, -1)
    first = F.normalize(a, dim=-1)
    second = F.normalize(b - (first * b).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.cross(first, second, dim=-1)], -2)


def _transformer_layer(causal: bool) -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True, activation="gelu")
    mask = nn.Transformer.generate_square_subsequent_mask(7) if causal else None
    return Of(
        lambda m, x: m(x, mask=mask, is_causal=causal),
        nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
    )


def recent_networks() -> dict[str, Callable[[], Made]]:
    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape)

    found: dict[str, Callable[[], Made]] = {
        "packed-gru": lambda: (Packed(nn.GRU(8, 16, batch_first=True), (7, 4)), (noise(2, 7, 8),)),
        "packed-lstm-bidirectional": lambda: (
            Packed(nn.LSTM(8, 8, batch_first=True, bidirectional=True), (5, 7)),
            (noise(2, 7, 8),),
        ),
        "sliding-window": lambda: (Windowed(16, 2, 3), (noise(1, 20, 16),)),
        "deformable-attention": lambda: (
            Deformable(),
            (noise(1, 5, 16), torch.rand(1, 5, 2), noise(1, 16, 8, 8), noise(1, 16, 4, 4)),
        ),
        "gated-delta": lambda: (GatedDelta(), (noise(2, 9, 16),)),
        "x-lstm": lambda: (XLstm(), (noise(2, 9, 8),)),
        "kan-chebyshev": lambda: (
            nn.Sequential(Chebyshev(6, 8, 4), nn.LayerNorm(8), Chebyshev(8, 3, 4)),
            (noise(4, 6),),
        ),
        "n-hits": lambda: (NHits(), (noise(3, 24),)),
        "differential-attention": lambda: (Differential(), (noise(2, 10, 16),)),
        "student-t-likelihood": lambda: (Of(_gaussian, nn.Linear(4, 3)), (noise(5, 4),)),
        "log-determinant": lambda: (Of(_covariance, nn.Linear(4, 9)), (noise(5, 4),)),
        "rotation-6d": lambda: (Of(_rotation, nn.Linear(8, 6)), (noise(5, 8),)),
        "encoder-norm-first": lambda: (_transformer_layer(False), (noise(1, 7, 16),)),
        "encoder-causal": lambda: (_transformer_layer(True), (noise(1, 7, 16),)),
        "time-mixer": lambda: (
            Of(
                lambda fine, coarse, up, x: fine(x) + up(coarse(F.avg_pool1d(x, 2))),
                nn.Linear(24, 12),
                nn.Linear(12, 6),
                nn.Upsample(scale_factor=2, mode="linear"),
            ),
            (noise(1, 4, 24),),
        ),
        "inverted-transformer": lambda: (
            Of(
                lambda put, body, out, x: out(body(put(x.transpose(1, 2)))).transpose(1, 2),
                nn.Linear(24, 16),
                nn.TransformerEncoderLayer(16, 2, 32, batch_first=True),
                nn.Linear(16, 6),
            ),
            (noise(1, 24, 5),),
        ),
    }
    return {f"plain/{name}": make for name, make in found.items()}
