"""Designs of papers as people write them again, small: images, sounds, sequences, tables, graphs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Made = tuple[nn.Module, tuple[Any, ...]]


class Of(nn.Module):
    """A function of the inputs and of parts."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, *x: Tensor) -> Any:
        return self.function(*self.parts, *x)


def conv(i: int, o: int, k: int = 3, s: int = 1, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(i, o, k, s, options.pop("padding", k // 2), **options)


def block(i: int, o: int, k: int = 3, s: int = 1) -> nn.Sequential:
    return nn.Sequential(conv(i, o, k, s, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class SegNet(nn.Module):
    """Maxima go back to the places that they were found at."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([block(3, 8), block(8, 16)])
        self.up = nn.ModuleList([block(16, 8), block(8, 4)])

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for layer in self.down:
            x, at = F.max_pool2d(layer(x), 2, 2, return_indices=True)
            found.append(at)
        for layer in self.up:
            x = layer(F.max_unpool2d(x, found.pop(), 2, 2))
        return x


class Residual(nn.Module):
    def __init__(self, inside: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        self.inside, self.scale = inside, scale

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.scale * self.inside(x)
        return y


class Squeeze(nn.Module):
    """Squeeze and excitation, and its kin: by channels (ECA), by places (CBAM)."""

    def __init__(self, channels: int, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.fc = nn.Sequential(nn.Linear(channels, 4), nn.ReLU(), nn.Linear(4, channels))
        self.along, self.places = nn.Conv1d(1, 1, 3, padding=1), conv(2, 1, 7)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "eca":
            y = self.along(x.mean((2, 3)).unsqueeze(1)).squeeze(1)
            return x * torch.sigmoid(y)[..., None, None]
        if self.kind == "cbam":
            y = self.fc(x.mean((2, 3))) + self.fc(x.amax((2, 3)))
            x = x * torch.sigmoid(y)[:, :, None, None]
            both = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)
            return x * torch.sigmoid(self.places(both))
        return x * torch.sigmoid(self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))).view(*x.shape[:2], 1, 1)


class Involution(nn.Module):
    """Filters that are computed for each place."""

    def __init__(self, channels: int, groups: int, k: int) -> None:
        super().__init__()
        self.groups, self.k = groups, k
        self.reduce, self.span = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, groups * k * k, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        weight = self.span(F.relu(self.reduce(x))).view(b, self.groups, 1, self.k**2, h, w)
        around = F.unfold(x, self.k, padding=self.k // 2)
        around = around.view(b, self.groups, c // self.groups, self.k**2, h, w)
        return (weight * around).sum(3).view(b, c, h, w)


class Mixed(nn.Module):
    """Dynamic convolution: filters mixed by attention (CondConv)."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.randn(4, 8, 8, 3, 3) * 0.1)
        self.route = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        share = torch.softmax(self.route(x.mean((2, 3))), 1)
        weight = (share[:, :, None, None, None, None] * self.filters).sum(1)
        b, c, h, w = x.shape
        y = F.conv2d(x.reshape(1, b * c, h, w), weight.reshape(b * 8, 8, 3, 3), padding=1, groups=b)
        return y.reshape(b, 8, h, w)


class Standardised(nn.Conv2d):
    """Weight standardisation."""

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight
        mean, std = w.mean((1, 2, 3), keepdim=True), w.std((1, 2, 3), keepdim=True)
        return F.conv2d(x, (w - mean) / (std + 1e-5), self.bias, self.stride, self.padding)


class Hourglass(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.skip, self.low1, self.low2 = block(8, 8), block(8, 8), block(8, 8)
        self.inside = Hourglass(depth - 1) if depth > 1 else block(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.low2(self.inside(self.low1(F.max_pool2d(x, 2))))
        out: Tensor = self.skip(x) + F.interpolate(y, scale_factor=2)
        return out


class GatedUNet(nn.Module):
    """A U-Net whose skips are gated by attention."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = block(3, 8), block(8, 16), block(24, 8)
        self.g, self.x, self.psi = nn.Conv2d(16, 4, 1), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        up = F.interpolate(self.b(F.max_pool2d(a, 2)), size=a.shape[2:], mode="bilinear", align_corners=True)
        gate = torch.sigmoid(self.psi(F.relu(self.g(up) + self.x(a))))
        y: Tensor = self.c(torch.cat([a * gate, up], 1))
        return y


class Boxes(nn.Module):
    """Heads and decoding of a detector without anchors (FCOS, CenterNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.heat, self.size = block(3, 8, 3, 4), conv(8, 4), conv(8, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        f = self.body(x)
        heat = torch.sigmoid(self.heat(f))
        peaks = heat * (F.max_pool2d(heat, 3, 1, 1) == heat).float()
        b, _, h, w = peaks.shape
        scores, at = peaks.view(b, -1).topk(5)
        kinds, places = at // (h * w), at % (h * w)
        sides = self.size(f).exp().view(b, 4, -1).gather(2, places[:, None].expand(-1, 4, -1))
        xs, ys = (places % w).float(), (places // w).float()
        boxes = torch.stack([xs - sides[:, 0], ys - sides[:, 1], xs + sides[:, 2], ys + sides[:, 3]], -1)
        return scores, kinds, boxes


class NetVLAD(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.assign, self.centres = nn.Conv2d(8, 4, 1), nn.Parameter(torch.rand(4, 8))

    def forward(self, x: Tensor) -> Tensor:
        x = F.normalize(x, dim=1)
        share = F.softmax(self.assign(x).flatten(2), 1)
        off = x.flatten(2)[:, None] - self.centres[None, :, :, None]
        v = (off * share[:, :, None]).sum(-1)
        return F.normalize(F.normalize(v, dim=2).flatten(1), dim=1)


class ArcFace(nn.Module):
    """The cosine of features and classes, with its margin."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.weight = nn.Linear(12, 8), nn.Parameter(torch.randn(5, 8))

    def forward(self, x: Tensor) -> Tensor:
        cosine = F.linear(F.normalize(self.body(x)), F.normalize(self.weight))
        sine = torch.sqrt((1.0 - cosine.pow(2)).clamp(0, 1))
        phi = cosine * math.cos(0.5) - sine * math.sin(0.5)
        return 64 * torch.where(cosine > math.cos(math.pi - 0.5), phi, cosine - 0.24)


class GRUWithAttention(nn.Module):
    """A decoder that looks back at the encoder's states at each step (Bahdanau)."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.encoder = nn.Embedding(20, 12), nn.GRU(12, 16, batch_first=True)
        self.cell, self.energy, self.v = nn.GRUCell(28, 16), nn.Linear(32, 16), nn.Linear(16, 1, bias=False)
        self.out = nn.Linear(16, 20)

    def forward(self, ids: Tensor) -> Tensor:
        states, h = self.encoder(self.words(ids))
        h, token, made = h[0], torch.zeros_like(ids[:, 0]), []
        for _ in range(3):
            e = torch.tanh(self.energy(torch.cat([h[:, None].expand(-1, ids.shape[1], -1), states], 2)))
            context = torch.bmm(F.softmax(self.v(e).squeeze(2), 1)[:, None], states)[:, 0]
            h = self.cell(torch.cat([self.words(token), context], 1), h)
            made.append(self.out(h))
            token = made[-1].argmax(1)
        return torch.stack(made, 1)


class Conformer(nn.Module):
    """Half feed-forward layers around attention and a gated convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = (
            nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 16)) for _ in range(2)
        )
        self.norm, self.attention = nn.LayerNorm(16), nn.MultiheadAttention(16, 2, batch_first=True)
        self.conv_norm, self.gate = nn.LayerNorm(16), nn.Conv1d(16, 32, 1)
        self.depth, self.bn = nn.Conv1d(16, 16, 7, padding=3, groups=16), nn.BatchNorm1d(16)
        self.point, self.end = nn.Conv1d(16, 16, 1), nn.LayerNorm(16)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        padded = torch.arange(x.shape[1])[None] >= lengths[:, None]
        x = x + 0.5 * self.first(x)
        y = self.norm(x)
        x = x + self.attention(y, y, y, key_padding_mask=padded, need_weights=False)[0]
        y = F.glu(self.gate(self.conv_norm(x).transpose(1, 2)), 1).masked_fill(padded[:, None], 0.0)
        x = x + self.point(F.silu(self.bn(self.depth(y)))).transpose(1, 2)
        out: Tensor = self.end(x + 0.5 * self.last(x))
        return out


class Performer(nn.Module):
    """Attention by positive random features."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)
        self.register_buffer("features", torch.randn(12, 16))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)

        def phi(z: Tensor) -> Tensor:
            z = z / 2
            return torch.exp(z @ self.features.T - (z**2).sum(-1, keepdim=True) / 2) + 1e-4

        q, k = phi(q), phi(k)
        top = torch.einsum("bnm,bmd->bnd", q, torch.einsum("bnm,bnd->bmd", k, v))
        return top / torch.einsum("bnm,bm->bn", q, k.sum(1))[..., None]


class Relative(nn.Module):
    """Transformer-XL: positions by their distance, shifted into place."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.r = nn.Linear(16, 48), nn.Linear(16, 16, bias=False)
        self.u, self.v = nn.Parameter(torch.randn(2, 8)), nn.Parameter(torch.randn(2, 8))

    def forward(self, x: Tensor) -> Tensor:
        b, n, _ = x.shape
        q, k, v = (z.view(b, n, 2, 8) for z in self.qkv(x).chunk(3, -1))
        place = torch.arange(n - 1, -1, -1.0)[:, None] / 10000 ** (torch.arange(0, 16, 2) / 16)
        r = self.r(torch.cat([place.sin(), place.cos()], -1)).view(n, 2, 8)
        ac = torch.einsum("bihd,bjhd->bhij", q + self.u, k)
        bd = torch.einsum("bihd,jhd->bhij", q + self.v, r)
        bd = F.pad(bd, (1, 0)).view(b, 2, n + 1, n)[:, :, 1:].reshape(b, 2, n, n)
        mask = torch.triu(torch.ones(n, n, dtype=torch.bool), 1)
        scores = ((ac + bd) / 8**0.5).masked_fill(mask, -1e9)
        return torch.einsum("bhij,bjhd->bihd", scores.softmax(-1), v).reshape(b, n, 16)


class Retention(nn.Module):
    """RetNet: decays in place of a softmax, group norm by heads."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.g = (nn.Linear(16, 16) for _ in range(4))
        self.norm = nn.GroupNorm(2, 16)

    def forward(self, x: Tensor) -> Tensor:
        b, n, _ = x.shape
        q, k, v = (f(x).view(b, n, 2, 8).transpose(1, 2) for f in (self.q, self.k, self.v))
        at = torch.arange(n)
        decay = torch.tensor([0.9, 0.97])[:, None, None] ** (at[:, None] - at[None])
        decay = torch.where(at[:, None] >= at[None], decay, torch.zeros(()))
        y = ((q @ k.transpose(-1, -2)) * decay @ v).transpose(1, 2).reshape(b * n, 16)
        return F.silu(self.g(x)) * self.norm(y).view(b, n, 16)


class StateSpace(nn.Module):
    """S4D: a diagonal state space as a long convolution by Fourier transforms."""

    def __init__(self) -> None:
        super().__init__()
        self.rate, self.turn = nn.Parameter(torch.rand(8, 4)), nn.Parameter(torch.randn(8, 4))
        self.c, self.out = nn.Parameter(torch.randn(8, 4, 2)), nn.Conv1d(8, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[-1]
        a = torch.complex(-torch.exp(self.rate), self.turn)
        powers = torch.exp(a[..., None] * 0.1 * torch.arange(n))
        kernel = 2 * (torch.view_as_complex(self.c)[..., None] * powers).sum(1).real
        y = torch.fft.irfft(torch.fft.rfft(x, n=2 * n) * torch.fft.rfft(kernel, n=2 * n), n=2 * n)[..., :n]
        return F.glu(self.out(F.gelu(y)), 1)


class TimesNet(nn.Module):
    """A series folded by a period into an image."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.inside, self.head = (
            nn.Linear(3, 8),
            nn.Sequential(conv(8, 16), nn.GELU(), conv(16, 8)),
            (nn.Linear(8, 3)),
        )

    def forward(self, x: Tensor) -> Tensor:
        mean, std = x.mean(1, keepdim=True), torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 1e-5)
        y = self.embed((x - mean) / std)
        for period in (4, 6):
            z = y.reshape(y.shape[0], -1, period, 8).permute(0, 3, 1, 2)
            y = y + self.inside(z).permute(0, 2, 3, 1).reshape(y.shape)
        out: Tensor = self.head(y) * std + mean
        return out


class AutoCorrelation(nn.Module):
    """Autoformer: delays by the series' own correlation."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(4, 8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).transpose(1, 2) for f in (self.q, self.k, self.v))
        both = torch.fft.rfft(q, dim=-1) * torch.conj(torch.fft.rfft(k, dim=-1))
        corr = torch.fft.irfft(both, n=x.shape[1], dim=-1).mean(1)
        weights, delays = corr.topk(3, -1)
        weights = weights.softmax(-1)
        twice = v.repeat(1, 1, 2)
        at = torch.arange(x.shape[1])
        out = torch.zeros_like(v)
        for i in range(3):
            index = (at[None] + delays[:, i : i + 1])[:, None].expand(-1, 8, -1)
            out = out + twice.gather(-1, index) * weights[:, i, None, None]
        return out.transpose(1, 2)


class Tokens(nn.Module):
    """Tables as tokens (FT-Transformer): numbers and categories, with a token for the class."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(5, 16)), nn.Parameter(torch.randn(5, 16))
        self.table, self.cls = nn.Embedding(12, 16), nn.Parameter(torch.randn(1, 1, 16))
        self.register_buffer("first", torch.tensor([0, 4, 9]))
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True, activation=F.gelu)
        self.body, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 2)

    def forward(self, numbers: Tensor, kinds: Tensor) -> Tensor:
        x = torch.cat(
            [
                self.cls.expand(numbers.shape[0], -1, -1),
                numbers[..., None] * self.weight + self.bias,
                self.table(kinds + self.first),
            ],
            1,
        )
        y: Tensor = self.head(self.body(x)[:, 0])
        return y


class CrossNetwork(nn.Module):
    """Deep and cross (DCN v2), and compressed interactions (xDeepFM)."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.cross = nn.Embedding(30, 4), nn.ModuleList(nn.Linear(24, 24) for _ in range(2))
        self.squeeze, self.deep = (
            nn.Conv1d(36, 5, 1),
            nn.Sequential(nn.Linear(24, 8), nn.Dropout(), nn.PReLU()),
        )
        self.head = nn.Linear(24 + 8 + 5, 1)

    def forward(self, ids: Tensor) -> Tensor:
        e = self.table(ids)
        x0 = x = e.flatten(1)
        for layer in self.cross:
            x = x0 * layer(x) + x
        pairs = torch.einsum("bhd,bmd->bhmd", e, e).reshape(e.shape[0], -1, 4)
        y: Tensor = self.head(torch.cat([x, self.deep(x0), F.relu(self.squeeze(pairs)).sum(2)], 1))
        return torch.sigmoid(y)


class History(nn.Module):
    """Deep interest: what was bought before weighs by how like the candidate it is."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Embedding(40, 8, padding_idx=0)
        self.unit, self.head = (
            nn.Sequential(nn.Linear(32, 8), nn.Sigmoid(), nn.Linear(8, 1)),
            nn.Linear(16, 1),
        )

    def forward(self, seen: Tensor, candidate: Tensor) -> Tensor:
        h, c = self.items(seen), self.items(candidate)[:, None].expand(-1, seen.shape[1], -1)
        score = self.unit(torch.cat([h, c, h - c, h * c], -1)).squeeze(-1)
        score = torch.where(seen != 0, score, torch.full_like(score, -(2**32) + 1))
        rest = (score.softmax(1)[:, None] @ h)[:, 0]
        y: Tensor = self.head(torch.cat([rest, c[:, 0]], 1))
        return y


class Sequential(nn.Module):
    """SASRec: the next item, causal, by a product with all items."""

    def __init__(self) -> None:
        super().__init__()
        self.items, self.places = nn.Embedding(30, 16, padding_idx=0), nn.Embedding(12, 16)
        self.norm, self.attention = nn.LayerNorm(16), nn.MultiheadAttention(16, 2, batch_first=True)
        self.a, self.b = nn.Conv1d(16, 16, 1), nn.Conv1d(16, 16, 1)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.items(ids) * 4 + self.places(torch.arange(ids.shape[1]))
        gone = ids == 0
        x = x * ~gone.unsqueeze(-1)
        mask = ~torch.tril(torch.ones((ids.shape[1],) * 2, dtype=torch.bool))
        q = self.norm(x)
        x = q + self.attention(q, x, x, attn_mask=mask)[0]
        x = x + self.b(F.relu(self.a(x.transpose(-1, -2)))).transpose(-1, -2)
        x = x * ~gone.unsqueeze(-1)
        return x[:, -1] @ self.items.weight.T


class Messages(nn.Module):
    """A graph by its edges: gathered, changed, and added up where they end (GIN, GraphSAGE)."""

    def __init__(self, reduce: str) -> None:
        super().__init__()
        self.reduce, self.a, self.b = reduce, nn.Linear(8, 16), nn.Linear(8 + 16, 4)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        sent = F.relu(self.a(x[edges[0]]))
        zero = torch.zeros(x.shape[0], 16)
        if self.reduce == "add":
            got = zero.index_add(0, edges[1], sent)
        else:
            at = edges[1][:, None].expand(-1, 16)
            got = zero.scatter_reduce(0, at, sent, self.reduce, include_self=False)
        y: Tensor = self.b(torch.cat([x, got], 1))
        return y


class Quantile(nn.Module):
    """A distributional value head, dueling; the best action by its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(4, 8, 8, 4), nn.ReLU(), nn.Conv2d(8, 8, 4, 2), nn.ReLU(), nn.Flatten()
        )
        self.v, self.a = nn.Linear(8 * 36, 11), nn.Linear(8 * 36, 3 * 11)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.conv(x / 255.0)
        v, a = self.v(h).view(-1, 1, 11), self.a(h).view(-1, 3, 11)
        p = F.softmax(v + a - a.mean(1, keepdim=True), 2).clamp(min=1e-3)
        q = (p * torch.linspace(-10, 10, 11)).sum(2)
        return q, q.max(1)[1]


class Actor(nn.Module):
    """A recurrent policy: state in, state out; the log-probability of its own best action."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.cell = (
            nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.ELU()),
            nn.LSTMCell(16, 16),
        )
        self.mean, self.log_std, self.value = nn.Linear(16, 2), nn.Parameter(torch.zeros(2)), nn.Linear(16, 1)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        h, c = self.cell(self.body(x), (h, c))
        mean = torch.tanh(self.mean(h))
        log = (-self.log_std - 0.5 * math.log(2 * math.pi)).sum() - torch.log(1 - mean.pow(2) + 1e-6).sum(-1)
        return mean, log, self.value(h), h, c


class ResidualVQ(nn.Module):
    """Codes of codes of what is left (SoundStream)."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Conv1d(1, 8, 8, 4, 2)
        self.books = nn.ParameterList(torch.randn(16, 8) for _ in range(3))
        self.out = nn.ConvTranspose1d(8, 1, 8, 4, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        left = self.inside(x).transpose(1, 2)
        total, codes = torch.zeros_like(left), []
        for book in self.books:
            at = torch.cdist(left, book[None]).argmin(-1)
            chosen = F.embedding(at, book)
            left, total = left - chosen, total + chosen
            codes.append(at)
        return self.out(total.transpose(1, 2)), torch.stack(codes, 1)


class Vocoder(nn.Module):
    """A spectrogram's size and angle predicted, and turned into sound (Vocos, iSTFTNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(10, 16, 7, padding=3), nn.GELU(), nn.Conv1d(16, 34, 1))
        self.register_buffer("window", torch.hann_window(32))

    def forward(self, mel: Tensor) -> Tensor:
        size, angle = self.body(mel).chunk(2, 1)
        spectrum = torch.exp(size).clamp(max=100) * torch.complex(angle.cos(), angle.sin())
        return torch.istft(spectrum, 32, 8, window=self.window)


class Denoiser(nn.Module):
    """A mask of a complex spectrogram by a recurrent layer (DCCRN, RNNoise)."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.mask = nn.GRU(17, 16, batch_first=True), nn.Linear(16, 34)
        self.register_buffer("window", torch.hann_window(32))

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.stft(x, 32, 8, window=self.window, return_complex=True)
        h = self.rnn(torch.log1p(spectrum.abs()).transpose(1, 2))[0]
        re, im = torch.tanh(self.mask(h)).transpose(1, 2).chunk(2, 1)
        return torch.istft(spectrum * torch.complex(re, im), 32, 8, window=self.window)


class Demucs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv1d(i, o, 8, 4, 2), nn.ReLU(), nn.Conv1d(o, 2 * o, 1), nn.GLU(1))
            for i, o in ((2, 8), (8, 16))
        )
        self.lstm, self.line = nn.LSTM(16, 16, 1, bidirectional=True), nn.Linear(32, 16)
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv1d(i, 2 * i, 3, 1, 1), nn.GLU(1), nn.ConvTranspose1d(i, o, 8, 4, 2))
            for i, o in ((16, 8), (8, 2))
        )

    def forward(self, x: Tensor) -> Tensor:
        mean, std = x.mean((1, 2), keepdim=True), x.std((1, 2), keepdim=True)
        x = (x - mean) / (1e-5 + std)
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        x = self.line(self.lstm(x.permute(2, 0, 1))[0]).permute(1, 2, 0)
        for layer in self.up:
            x = layer(x + skips.pop()[..., : x.shape[-1]])
        return x * std + mean


class Broadcast(nn.Module):
    """A keyword spotter of two paths: over frequencies, and over time for all of them (BC-ResNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.f, self.t = (
            conv(1, 8, 5, 2),
            conv(8, 8, 3, groups=8),
            nn.Conv2d(8, 8, (1, 3), padding=(0, 1)),
        )
        self.bn, self.head = nn.BatchNorm2d(8), nn.Conv2d(8, 12, 1)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.stem(mel[:, None])
        parts = x.chunk(4, 2)  # sub-spectral normalisation
        x = torch.cat([(p - p.mean()) / (p.std() + 1e-5) for p in parts], 2)
        x = F.relu(x + self.f(x) + F.silu(self.bn(self.t(x.mean(2, keepdim=True)))))
        return self.head(x.mean((2, 3), keepdim=True)).squeeze(3).squeeze(2)


class Splines(nn.Module):
    """A neural spline flow's bins: searched, gathered, a rational function, and its log-determinant."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2 * 8))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        one, two = x.chunk(2, 1)
        w = F.softmax(self.net(one).view(-1, 2, 8), -1)
        edges = F.pad(w.cumsum(-1), (1, 0))
        z = torch.sigmoid(two)
        at = ((z[..., None] >= edges).sum(-1) - 1).clamp(0, 7)[..., None]
        left, width = edges.gather(-1, at)[..., 0], w.gather(-1, at)[..., 0]
        y = (at[..., 0] + (z - left) / width) / 8
        return torch.cat([one, y], 1), -torch.log(width * 8).sum(1)


class Coordinates(nn.Module):
    """SIREN, and coordinates that a convolution is told (CoordConv)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.a, self.b = nn.Conv2d(5, 8, 1), nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        ys, xs = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
        x = torch.cat([x, xs.expand(b, 1, h, w), ys.expand(b, 1, h, w)], 1)
        y = torch.sin(30 * self.a(self.conv(x).flatten(2).transpose(1, 2)))
        out: Tensor = self.b(y)
        return out


class Correlation(nn.Module):
    """Optical flow: a cost volume of shifts, and a warp (PWC-Net)."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = block(3, 8, 3, 2), conv(25 + 8, 2)

    def forward(self, one: Tensor, two: Tensor) -> Tensor:
        a, b = self.body(one), self.body(two)
        around = F.pad(b, (2, 2, 2, 2))
        h, w = a.shape[2:]
        cost = [
            (a * around[:, :, i : i + h, j : j + w]).mean(1, keepdim=True) for i in range(5) for j in range(5)
        ]
        flow = self.head(torch.cat([F.leaky_relu(torch.cat(cost, 1), 0.1), a], 1))
        ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        at = torch.stack([xs, ys]).float() + flow
        at = 2 * at / torch.tensor([w - 1, h - 1]).view(1, 2, 1, 1) - 1
        return F.grid_sample(b, at.permute(0, 2, 3, 1), align_corners=True)


class Unet(nn.Module):
    """A denoising diffusion network: time embedded, group norms, attention in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.down, self.middle = conv(3, 16), conv(16, 16, 3, 2), conv(16, 16)
        self.norm, self.attention = nn.GroupNorm(4, 16), nn.MultiheadAttention(16, 2, batch_first=True)
        self.time, self.up, self.out = nn.Linear(16, 32), nn.ConvTranspose2d(16, 16, 4, 2, 1), conv(32, 3)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        f = torch.exp(-math.log(10000) * torch.arange(8) / 8)
        e = t[:, None].float() * f
        scale, shift = self.time(F.silu(torch.cat([e.cos(), e.sin()], 1)))[..., None, None].chunk(2, 1)
        first = self.inside(x)
        y = F.silu(self.norm(self.down(first)) * (scale + 1) + shift)
        b, c, h, w = y.shape
        z = y.view(b, c, h * w).transpose(1, 2)
        y = y + self.attention(z, z, z)[0].transpose(1, 2).view(b, c, h, w)
        return self.out(torch.cat([self.up(self.middle(y)), first], 1))


def _upscale(kind: str) -> nn.Module:
    if kind == "espcn":
        return nn.Sequential(
            conv(1, 16, 5), nn.Tanh(), conv(16, 8), nn.Tanh(), conv(8, 9), nn.PixelShuffle(3)
        )
    if kind == "fsrcnn":
        parts = [conv(1, 16, 5), nn.PReLU(16), nn.Conv2d(16, 4, 1), nn.PReLU(4), conv(4, 4), nn.PReLU(4)]
        return nn.Sequential(*parts, nn.Conv2d(4, 16, 1), nn.PReLU(16), nn.ConvTranspose2d(16, 1, 9, 3, 4, 2))
    inside = nn.Sequential(conv(8, 8), nn.ReLU(), conv(8, 8))
    if kind == "rcan":
        inside = nn.Sequential(*inside, Squeeze(8, "se"))
    body = nn.Sequential(*(Residual(inside, 0.1) for _ in range(2)))
    return nn.Sequential(conv(3, 8), Residual(body), conv(8, 32), nn.PixelShuffle(2), conv(8, 3))


def _pix2pix() -> nn.Module:
    down = nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 4, 2, 1), nn.InstanceNorm2d(16)
    )
    up = nn.Sequential(nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.ReLU())
    return nn.Sequential(down, up, nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh())


def _cycle() -> nn.Module:
    one = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(16, 16, 3), nn.InstanceNorm2d(16), nn.ReLU(True))
    start = [nn.ReflectionPad2d(3), nn.Conv2d(3, 8, 7), nn.InstanceNorm2d(8), nn.ReLU(True)]
    down = [nn.Conv2d(8, 16, 3, 2, 1), nn.InstanceNorm2d(16), nn.ReLU(True), Residual(one)]
    up = [nn.ConvTranspose2d(16, 8, 3, 2, 1, 1), nn.InstanceNorm2d(8), nn.ReLU(True), nn.ReflectionPad2d(3)]
    return nn.Sequential(*start, *down, *up, nn.Conv2d(8, 3, 7), nn.Tanh())


def _critic() -> nn.Module:
    norm = nn.utils.spectral_norm
    body = [
        norm(nn.Conv2d(3, 8, 4, 2, 1)),
        nn.LeakyReLU(0.2),
        norm(nn.Conv2d(8, 16, 4, 2, 1)),
        nn.LeakyReLU(0.2),
    ]
    return nn.Sequential(*body, nn.Flatten(), norm(nn.Linear(16 * 64, 1)))


def _image(*shape: int) -> tuple[Tensor, ...]:
    return (torch.randn(*shape),)


def _ids(*shape: int, top: int = 20) -> Tensor:
    return torch.randint(1, top, shape)


def _sounds() -> nn.Module:
    """M5: from samples to classes."""
    parts: list[nn.Module] = [nn.Conv1d(1, 16, 80, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(4)]
    parts += [nn.Conv1d(16, 16, 3), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(4)]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 8), nn.LogSoftmax(-1))


def paper_networks() -> dict[str, Callable[[], Made]]:
    """Name -> what makes the network and its inputs."""
    image = (1, 3, 32, 32)
    edges = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 0, 4, 3, 3]])
    found: dict[str, Callable[[], Made]] = {
        "seg-net": lambda: (SegNet(), _image(*image)),
        "eca": lambda: (nn.Sequential(block(3, 8), Squeeze(8, "eca")), _image(*image)),
        "cbam": lambda: (nn.Sequential(block(3, 8), Squeeze(8, "cbam")), _image(*image)),
        "involution": lambda: (nn.Sequential(block(3, 8), Involution(8, 2, 3)), _image(*image)),
        "dynamic-conv": lambda: (nn.Sequential(block(3, 8), Mixed()), _image(*image)),
        "weight-standardised": lambda: (
            nn.Sequential(Standardised(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU()),
            _image(*image),
        ),
        "hourglass": lambda: (nn.Sequential(block(3, 8, 7, 2), Hourglass(2), conv(8, 5)), _image(*image)),
        "attention-unet": lambda: (GatedUNet(), _image(*image)),
        "centre-net": lambda: (Boxes(), _image(*image)),
        "net-vlad": lambda: (nn.Sequential(block(3, 8), NetVLAD()), _image(*image)),
        "arc-face": lambda: (ArcFace(), _image(2, 12)),
        "gru-attention": lambda: (GRUWithAttention(), (_ids(1, 6),)),
        "conformer": lambda: (Conformer(), (torch.randn(2, 10, 16), torch.tensor([10, 7]))),
        "performer": lambda: (Performer(), _image(1, 8, 16)),
        "transformer-xl": lambda: (Relative(), _image(1, 8, 16)),
        "retention": lambda: (Retention(), _image(1, 8, 16)),
        "state-space": lambda: (StateSpace(), _image(1, 8, 32)),
        "times-net": lambda: (TimesNet(), _image(1, 24, 3)),
        "auto-correlation": lambda: (AutoCorrelation(), _image(1, 16, 4)),
        "ft-transformer": lambda: (Tokens(), (torch.randn(2, 5), torch.randint(0, 3, (2, 3)))),
        "cross-network": lambda: (CrossNetwork(), (_ids(2, 6),)),
        "deep-interest": lambda: (History(), (_ids(2, 7), _ids(2))),
        "sas-rec": lambda: (Sequential(), (_ids(1, 8),)),
        "distributional-q": lambda: (Quantile(), _image(1, 4, 64, 64)),
        "recurrent-policy": lambda: (Actor(), (*_image(2, 6), *_image(2, 16), *_image(2, 16))),
        "residual-vq": lambda: (ResidualVQ(), _image(1, 1, 64)),
        "vocoder": lambda: (Vocoder(), _image(1, 10, 12)),
        "denoiser": lambda: (Denoiser(), _image(1, 160)),
        "demucs": lambda: (Demucs(), _image(1, 2, 256)),
        "bc-resnet": lambda: (Broadcast(), _image(1, 40, 20)),
        "m5": lambda: (_sounds(), _image(1, 1, 1600)),
        "spline-flow": lambda: (Splines(), _image(3, 4)),
        "siren": lambda: (Coordinates(), _image(1, 3, 6, 8)),
        "cost-volume": lambda: (Correlation(), (*_image(1, 3, 16, 16), *_image(1, 3, 16, 16))),
        "diffusion-unet": lambda: (Unet(), (*_image(1, 3, 16, 16), torch.tensor([7]))),
        "pix2pix": lambda: (_pix2pix(), _image(*image)),
        "cycle-gan": lambda: (_cycle(), _image(1, 3, 16, 16)),
        "spectral-critic": lambda: (_critic(), _image(*image)),
        "transformer-masked": lambda: (
            Of(
                lambda m, x, y: m(x, y, tgt_mask=nn.Transformer.generate_square_subsequent_mask(5)),
                nn.Transformer(16, 2, 1, 1, 32, batch_first=True),
            ),
            (*_image(1, 6, 16), *_image(1, 5, 16)),
        ),
        "bags-by-offsets": lambda: (
            Of(lambda e, f, i, o: f(e(i, o)), nn.EmbeddingBag(20, 8, mode="mean"), nn.Linear(8, 3)),
            (_ids(9), torch.tensor([0, 3, 4])),
        ),
    }
    for kind in ("add", "mean", "amax"):
        found[f"messages-{kind}"] = lambda kind=kind: (Messages(kind), (*_image(5, 8), edges))
    for kind in ("espcn", "fsrcnn", "edsr", "rcan"):
        channels = 1 if kind in ("espcn", "fsrcnn") else 3
        found[kind] = lambda kind=kind, channels=channels: (_upscale(kind), _image(1, channels, 16, 16))
    return {f"plain/{name}": make for name, make in found.items()}
