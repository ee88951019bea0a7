"""Sequences, forecasts, texts and tables: designs of papers as people write them again, small."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Made = tuple[nn.Module, tuple[Any, ...]]


class TCN(nn.Module):
    """Temporal convolutional network: causal by cutting, weight norm, residual sums."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        sizes = [8, 16, 16, 16]
        self.convs = nn.ModuleList(
            norm(nn.Conv1d(i, o, 3, padding=2 * 2**n, dilation=2**n))
            for n, (i, o) in enumerate(itertools.pairwise(sizes))
        )
        self.skips = nn.ModuleList(nn.Conv1d(i, o, 1) for i, o in itertools.pairwise(sizes))
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        for n, (conv, skip) in enumerate(zip(self.convs, self.skips, strict=True)):
            x = F.relu(F.relu(conv(x)[:, :, : -2 * 2**n]) + skip(x))
        y: Tensor = self.head(x[:, :, -1])
        return y


class UNet1d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (
            nn.Conv1d(2, 8, 9, padding=4),
            nn.Conv1d(8, 16, 9, 2, 4),
            nn.Conv1d(16, 16, 3, 1, 1),
        )
        self.up, self.head = nn.ConvTranspose1d(16, 8, 4, 2, 1), nn.Conv1d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = F.leaky_relu(self.a(x), 0.1)
        y: Tensor = self.head(torch.cat([a, self.up(F.gelu(self.c(F.gelu(self.b(a)))))], 1))
        return y


class Scan(nn.Module):
    """A selective state space (Mamba), its recurrence written out."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.conv = nn.Linear(16, 64), nn.Conv1d(32, 32, 4, groups=32, padding=3)
        self.x_proj, self.dt = nn.Linear(32, 2 + 2 * 8, bias=False), nn.Linear(2, 32)
        self.a_log = nn.Parameter(torch.log(torch.arange(1, 9).float().repeat(32, 1)))
        self.d, self.out = nn.Parameter(torch.ones(32)), nn.Linear(32, 16)

    def forward(self, x: Tensor) -> Tensor:
        b, length, _ = x.shape
        u, z = self.inside(x).chunk(2, -1)
        u = F.silu(self.conv(u.transpose(1, 2))[..., :length].transpose(1, 2))
        dt, bs, cs = self.x_proj(u).split([2, 8, 8], -1)
        dt = F.softplus(self.dt(dt))
        a = torch.exp(torch.einsum("bld,dn->bldn", dt, -torch.exp(self.a_log)))
        bx = torch.einsum("bld,bln,bld->bldn", dt, bs, u)
        h, ys = torch.zeros(b, 32, 8), []
        for t in range(length):
            h = a[:, t] * h + bx[:, t]
            ys.append(torch.einsum("bdn,bn->bd", h, cs[:, t]))
        y = torch.stack(ys, 1) + u * self.d
        out: Tensor = self.out(y * F.silu(z))
        return out


class Perceiver(nn.Module):
    """Learned latents look at the input, then at themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(1, 6, 32))
        self.cross = nn.MultiheadAttention(32, 1, kdim=8, vdim=8, batch_first=True)
        self.own = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=True)
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        z = self.latents.expand(x.shape[0], -1, -1)
        z = z + self.cross(z, x, x, need_weights=False)[0]
        y: Tensor = self.head(self.own(z).mean(1))
        return y


class TabNet(nn.Module):
    """Steps that choose features by sparsemax."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.first = nn.BatchNorm1d(12), nn.Linear(12, 32)
        self.choose = nn.ModuleList(nn.Sequential(nn.Linear(8, 12), nn.BatchNorm1d(12)) for _ in range(2))
        self.step, self.head = nn.Linear(12, 32), nn.Linear(8, 3)

    @staticmethod
    def sparsemax(x: Tensor) -> Tensor:
        z, _ = torch.sort(x, -1, descending=True)
        k = torch.arange(1, x.shape[-1] + 1)
        support = 1 + k * z > z.cumsum(-1)
        size = support.sum(-1, keepdim=True)
        tau = ((z * support).sum(-1, keepdim=True) - 1) / size
        return torch.clamp(x - tau, min=0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        a = F.glu(self.first(x), -1)[:, 8:]
        prior, total = torch.ones_like(x), x.new_zeros(x.shape[0], 8)
        for choose in self.choose:
            mask = self.sparsemax(choose(a) * prior)
            prior = prior * (1.3 - mask)
            d, a = F.glu(self.step(mask * x), -1).split([8, 8], -1)
            total = total + F.relu(d)
        y: Tensor = self.head(total)
        return y


class NBeats(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 24 + 6))
            for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        left, made = x, x.new_zeros(x.shape[0], 6)
        for block in self.blocks:
            back, ahead = block(left).split([24, 6], 1)
            left, made = left - back, made + ahead
        return made


class FusionTransformer(nn.Module):
    """Temporal fusion transformer: variables chosen, gated residual networks, an LSTM, attention."""

    class Gated(nn.Module):
        def __init__(self, size: int, out: int) -> None:
            super().__init__()
            self.a, self.b, self.gate = nn.Linear(size, 16), nn.Linear(16, out), nn.Linear(out, 2 * out)
            self.skip, self.norm = nn.Linear(size, out), nn.LayerNorm(out)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.norm(self.skip(x) + F.glu(self.gate(self.b(F.elu(self.a(x)))), -1))
            return y

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.ModuleList(nn.Linear(1, 16) for _ in range(4))
        self.each = nn.ModuleList(self.Gated(16, 16) for _ in range(4))
        self.weights = self.Gated(64, 4)
        self.lstm = nn.LSTM(16, 16, batch_first=True)
        self.attention, self.head = nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        parts = [e(x[..., i : i + 1]) for i, e in enumerate(self.embed)]
        w = torch.softmax(self.weights(torch.cat(parts, -1)), -1)[..., None, :]
        each = torch.stack([g(p) for g, p in zip(self.each, parts, strict=True)], -1)
        h = self.lstm((w * each).sum(-1))[0]
        mask = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), 1)
        a, seen = self.attention(h, h, h, attn_mask=mask)
        y: Tensor = self.head((h + a)[:, -4:])
        return y + 0 * seen.sum()


class Informer(nn.Module):
    """Series decomposed by a moving average (Autoformer, DLinear)."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.season, self.trend = nn.AvgPool1d(5, 1), nn.Linear(24, 8), nn.Linear(24, 8)

    def forward(self, x: Tensor) -> Tensor:
        ends = torch.cat([x[:, :1].repeat(1, 2, 1), x, x[:, -1:].repeat(1, 2, 1)], 1)
        trend = self.mean(ends.permute(0, 2, 1)).permute(0, 2, 1)
        y: Tensor = self.season((x - trend).transpose(1, 2)) + self.trend(trend.transpose(1, 2))
        return y.transpose(1, 2)


class PatchTST(nn.Module):
    """Each series normalised by itself, cut into patches, an encoder, turned back."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.at = nn.Linear(8, 32), nn.Parameter(torch.randn(5, 32))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 1)
        self.head = nn.Linear(160, 6)

    def forward(self, x: Tensor) -> Tensor:
        mean, spread = x.mean(1, keepdim=True), torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 1e-5)
        z = ((x - mean) / spread).transpose(1, 2).unfold(-1, 8, 4)
        b, series, count, _ = z.shape
        z = self.encoder((self.embed(z) + self.at).reshape(b * series, count, 32))
        y = self.head(z.reshape(b, series, -1)).transpose(1, 2)
        return y * spread + mean


class Fourier(nn.Module):
    """FNO: a spectrum cut to its lowest modes, mixed by complex weights and brought back."""

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.drop, self.skip = nn.Linear(2, 8), nn.Linear(8, 1), nn.Conv1d(8, 8, 1)
        self.real, self.imag = nn.Parameter(torch.randn(8, 8, 6) / 8), nn.Parameter(torch.randn(8, 8, 6) / 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.lift(x).transpose(1, 2)
        f = torch.fft.rfft(x)[..., :6]
        mixed = torch.einsum("bix,iox->box", f, torch.complex(self.real, self.imag))
        x = F.gelu(torch.fft.irfft(mixed, n=x.shape[-1]) + self.skip(x))
        y: Tensor = self.drop(x.transpose(1, 2))
        return y


class DeepSets(nn.Module):
    """A set with a mask of what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.each, self.all = nn.Linear(4, 16), nn.Linear(48, 3)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        h, m = F.relu(self.each(x)), there[..., None]
        mean = (h * m).sum(1) / m.sum(1).clamp(min=1)
        most = h.masked_fill(m == 0, -1e9).max(1)[0]
        y: Tensor = self.all(torch.cat([mean, most, (h * m).sum(1)], -1))
        return y


class Experts(nn.Module):
    """A mixture of experts, two of four for each token, written as a loop over all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(16, 4)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16)) for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        weight, chosen = torch.topk(self.gate(x).softmax(-1), 2, -1)
        weight = weight / weight.sum(-1, keepdim=True)
        y = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            y = y + expert(x) * (weight * (chosen == i)).sum(-1, keepdim=True)
        return y


class Pointer(nn.Module):
    """A GRU encoder and additive (Bahdanau) attention, decoded by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.encoder = nn.Embedding(40, 16), nn.GRU(16, 16, batch_first=True)
        self.cell, self.query, self.key, self.score = (
            nn.GRUCell(16, 16),
            nn.Linear(16, 16),
            nn.Linear(16, 16),
            nn.Linear(16, 1),
        )
        self.head = nn.Linear(32, 40)

    def forward(self, ids: Tensor) -> Tensor:
        seen, h = self.encoder(self.words(ids))
        h, out = h[0], []
        for t in range(3):
            h = self.cell(self.words(ids[:, t]), h)
            w = self.score(torch.tanh(self.query(h)[:, None] + self.key(seen))).squeeze(-1).softmax(-1)
            out.append(self.head(torch.cat([h, torch.bmm(w[:, None], seen)[:, 0]], -1)))
        return torch.stack(out, 1)


class LightSpeech(nn.Module):
    """A mel spectrogram by frames and a matrix, in decibels."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(128))
        self.register_buffer("mel", torch.rand(65, 20))
        self.net = nn.GRU(20, 16, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        power = torch.stft(x, 128, 64, window=self.window, return_complex=True).abs().pow(2)
        mel = 10 * torch.log10(torch.clamp(power.transpose(1, 2) @ self.mel, min=1e-10))
        mel = torch.maximum(mel, mel.amax(dim=(-2, -1), keepdim=True) - 80)
        y: Tensor = self.net(mel)[0]
        return y


class ConvTasNet(nn.Module):
    """Speech separation: global layer norm, PReLU, masks, a transposed convolution back."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = (
            nn.Conv1d(1, 16, 16, 8, bias=False),
            nn.ConvTranspose1d(16, 1, 16, 8, bias=False),
        )
        self.norm, self.act = nn.GroupNorm(1, 16, 1e-8), nn.PReLU()
        self.depth, self.mask = nn.Conv1d(16, 16, 3, padding=2, dilation=2, groups=16), nn.Conv1d(16, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        w = F.relu(self.encode(x))
        m = torch.sigmoid(self.mask(self.act(self.depth(self.norm(w))))).view(-1, 2, 16, w.shape[-1])
        y: Tensor = self.decode((w[:, None] * m).flatten(0, 1))
        return y.view(x.shape[0], 2, -1)


class Cached(nn.Module):
    """One step of a decoder whose keys and values come as inputs and go as outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.qkv, self.out, self.head = (
            nn.Embedding(50, 32),
            nn.Linear(32, 96),
            nn.Linear(32, 32),
            nn.Linear(32, 50),
        )

    def forward(self, ids: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = (part.view(1, -1, 4, 8).transpose(1, 2) for part in self.qkv(self.words(ids)).chunk(3, -1))
        k, v = torch.cat([keys, k], 2), torch.cat([values, v], 2)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(1, -1, 32)
        return self.head(self.out(y)), k, v


class Linformer(nn.Module):
    """Attention linear in its length: keys and values projected, and a kernel of ELU + 1."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.shorter = nn.Linear(32, 96), nn.Linear(16, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        short_k, short_v = self.shorter(k.transpose(1, 2)), self.shorter(v.transpose(1, 2))
        a = torch.softmax(q @ short_k / 32**0.5, -1) @ short_v.transpose(1, 2)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        z = 1 / (q @ k.sum(1)[..., None] + 1e-6)
        return a + (q @ (k.transpose(1, 2) @ v)) * z


class CRNN(nn.Module):
    """Text recognition: columns of a convolutional network through two LSTMs, time first."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 1)), nn.Conv2d(16, 16, 3, (2, 1), 1)
        )
        self.rnn, self.head = nn.LSTM(16 * 4, 16, 2, bidirectional=True), nn.Linear(32, 11)

    def forward(self, x: Tensor) -> Tensor:
        y = self.net(x)
        b, c, h, w = y.shape
        y = self.rnn(y.permute(3, 0, 1, 2).reshape(w, b, c * h))[0]
        return F.log_softmax(self.head(y), -1)


class TextCNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(60, 16), nn.Linear(24, 3)
        self.convs = nn.ModuleList(nn.Conv2d(1, 8, (k, 16)) for k in (2, 3, 4))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids).unsqueeze(1)
        found = [F.relu(conv(x)).squeeze(3) for conv in self.convs]
        y: Tensor = self.head(torch.cat([F.max_pool1d(f, f.shape[2]).squeeze(2) for f in found], 1))
        return y


class Recommender(nn.Module):
    """DLRM: embeddings of categories, products of pairs, beside numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.tables, self.dense = nn.ModuleList(nn.Embedding(20, 8) for _ in range(3)), nn.Linear(5, 8)
        self.top = nn.Sequential(nn.Linear(8 + 6, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, numbers: Tensor, ids: Tensor) -> Tensor:
        d = F.relu(self.dense(numbers))
        z = torch.stack([d, *(t(ids[:, i]) for i, t in enumerate(self.tables))], 1)
        pairs = torch.bmm(z, z.transpose(1, 2))
        i, j = torch.tril_indices(4, 4, -1)
        return torch.sigmoid(self.top(torch.cat([d, pairs[:, i, j]], 1)))


class Factorised(nn.Module):
    """A factorisation machine with a deep part (DeepFM)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.table = nn.Embedding(40, 1), nn.Embedding(40, 8)
        self.deep = nn.Sequential(nn.Linear(48, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 1))

    def forward(self, ids: Tensor) -> Tensor:
        v = self.table(ids)
        pairs = 0.5 * (v.sum(1).pow(2) - v.pow(2).sum(1)).sum(1, keepdim=True)
        return torch.sigmoid(self.linear(ids).sum(1) + pairs + self.deep(v.flatten(1)))


class Policy(nn.Module):
    """A dueling value head, and actions by a squashed Gaussian's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
        self.value, self.gain, self.mean = nn.Linear(32, 1), nn.Linear(32, 4), nn.Linear(32, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.net(x)
        gain = self.gain(h)
        q = self.value(h) + gain - gain.mean(1, keepdim=True)
        return q, q.argmax(1), torch.tanh(self.mean(h))


class Neural(nn.Module):
    """An ODE's right side, four Runge-Kutta steps."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.Linear(4, 16), nn.Softplus(), nn.Linear(16, 4))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(4):
            a = self.f(x)
            b = self.f(x + 0.05 * a)
            c = self.f(x + 0.05 * b)
            x = x + 0.1 / 6 * (a + 2 * b + 2 * c + self.f(x + 0.1 * c))
        return x


def _x(*shape: int) -> tuple[Tensor, ...]:
    return (torch.randn(*shape),)


def _ids(*shape: int, top: int = 20) -> Tensor:
    return torch.randint(1, top, shape)


def series_networks() -> dict[str, Callable[[], Made]]:
    """Name -> what makes the network and its inputs."""
    return {
        "plain/tcn": lambda: (TCN(), _x(1, 8, 32)),
        "plain/unet-1d": lambda: (UNet1d(), _x(1, 2, 64)),
        "plain/selective-scan": lambda: (Scan(), _x(1, 8, 16)),
        "plain/perceiver": lambda: (Perceiver(), _x(1, 20, 8)),
        "plain/tabnet": lambda: (TabNet(), _x(1, 12)),
        "plain/n-beats": lambda: (NBeats(), _x(1, 24)),
        "plain/temporal-fusion": lambda: (FusionTransformer(), _x(1, 12, 4)),
        "plain/decomposition-linear": lambda: (Informer(), _x(1, 24, 3)),
        "plain/patch-tst": lambda: (PatchTST(), _x(1, 24, 3)),
        "plain/fourier-operator": lambda: (Fourier(), _x(1, 32, 2)),
        "plain/deep-sets": lambda: (DeepSets(), (torch.randn(2, 6, 4), torch.ones(2, 6))),
        "plain/experts": lambda: (Experts(), _x(1, 6, 16)),
        "plain/pointer": lambda: (Pointer(), (_ids(1, 7),)),
        "plain/mel-gru": lambda: (LightSpeech(), _x(1, 1600)),
        "plain/conv-tasnet": lambda: (ConvTasNet(), _x(1, 1, 256)),
        "plain/key-value-cache": lambda: (
            Cached(),
            (_ids(1, 1), torch.randn(1, 4, 6, 8), torch.randn(1, 4, 6, 8)),
        ),
        "plain/linear-attention": lambda: (Linformer(), _x(1, 16, 32)),
        "plain/crnn": lambda: (CRNN(), _x(1, 1, 16, 24)),
        "plain/text-cnn": lambda: (TextCNN(), (_ids(1, 14),)),
        "plain/dlrm": lambda: (Recommender(), (torch.randn(2, 5), _ids(2, 3))),
        "plain/deep-fm": lambda: (Factorised(), (_ids(2, 6),)),
        "plain/dueling-policy": lambda: (Policy(), _x(2, 8)),
        "plain/neural-ode": lambda: (Neural(), _x(1, 4)),
    }
