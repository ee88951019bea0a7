"""Images, generators, graphs and fields: designs of papers as people write them again, small."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Made = tuple[nn.Module, tuple[Any, ...]]


class UNet3d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(
            nn.Conv3d(1, 8, 3, padding=1), nn.InstanceNorm3d(8, affine=True), nn.LeakyReLU()
        )
        self.b = nn.Sequential(nn.Conv3d(8, 16, 3, padding=1), nn.BatchNorm3d(16), nn.ReLU())
        self.up, self.head = nn.ConvTranspose3d(16, 8, 2, 2), nn.Conv3d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        y: Tensor = self.head(torch.cat([a, self.up(self.b(F.max_pool3d(a, 2)))], 1))
        return y


class VAE(nn.Module):
    """The mean of the code; all three results are outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 16))
        self.grow = nn.Linear(8, 8 * 64)
        self.decode = nn.Sequential(
            nn.Unflatten(1, (8, 8, 8)), nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, spread = self.encode(x).chunk(2, 1)
        return self.decode(self.grow(mean)), mean, torch.exp(0.5 * spread)


class VectorQuantised(nn.Module):
    """VQ-VAE: the nearest code by distance, looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Conv2d(3, 8, 4, 4), nn.ConvTranspose2d(8, 3, 4, 4)
        self.codes = nn.Embedding(32, 8)

    def forward(self, x: Tensor) -> Tensor:
        z = self.encode(x).permute(0, 2, 3, 1).contiguous()
        flat = z.view(-1, 8)
        distance = (
            (flat**2).sum(1, keepdim=True) + (self.codes.weight**2).sum(1) - 2 * flat @ self.codes.weight.t()
        )
        q = self.codes(distance.argmin(1)).view(z.shape)
        y: Tensor = self.decode(q.permute(0, 3, 1, 2))
        return y


class Flow(nn.Module):
    """RealNVP: couplings with masks; the code and the logarithm of the determinant."""

    def __init__(self) -> None:
        super().__init__()
        self.s = nn.ModuleList(
            nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 8), nn.Tanh()) for _ in range(4)
        )
        self.t = nn.ModuleList(nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 8)) for _ in range(4))
        self.register_buffer("mask", torch.tensor([[0.0, 1.0] * 4, [1.0, 0.0] * 4] * 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(x.shape[0])
        for i, (scale, shift) in enumerate(zip(self.s, self.t, strict=True)):
            kept = x * self.mask[i]
            s = scale(kept) * (1 - self.mask[i])
            x = kept + (1 - self.mask[i]) * (x * torch.exp(s) + shift(kept))
            total = total + s.sum(1)
        return x, total


class SplitFlow(nn.Module):
    """Glow-like: affine couplings of halves, permuted between."""

    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 4, 3, padding=1))
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(b, c * 4, h // 2, w // 2)
        for net in self.nets:
            kept, other = x.chunk(2, 1)
            s, t = net(kept).chunk(2, 1)
            x = torch.cat([kept, other * torch.sigmoid(s + 2) + t], 1).flip(1)
        return x


class GraphConv(nn.Module):
    """Kipf's graph convolutions with a dense adjacency that is an input."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(12, 32), nn.Linear(32, 4)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        a = adjacency + torch.eye(adjacency.shape[-1])
        d = a.sum(-1).pow(-0.5)
        a = d[:, None] * a * d[None, :]
        return F.log_softmax(a @ self.b(F.relu(a @ self.a(x))), 1)


class GraphAttention(nn.Module):
    """GAT with a dense adjacency: additive scores, masked."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.left, self.right = nn.Linear(12, 32, bias=False), nn.Linear(8, 1), nn.Linear(8, 1)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        h = self.w(x).view(-1, 4, 8).transpose(0, 1)
        e = F.leaky_relu(self.left(h) + self.right(h).transpose(1, 2), 0.2)
        e = torch.where(adjacency > 0, e, torch.full_like(e, -9e15))
        return F.elu((torch.softmax(e, -1) @ h).transpose(0, 1).reshape(-1, 32))


class Capsules(nn.Module):
    """Routing by agreement, three rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.primary = nn.Conv2d(1, 16, 9), nn.Conv2d(16, 16, 9, 2)
        self.w = nn.Parameter(0.1 * torch.randn(1, 16, 5, 8, 4))

    @staticmethod
    def squash(x: Tensor) -> Tensor:
        n = (x**2).sum(-1, keepdim=True)
        return n / (1 + n) * x / torch.sqrt(n + 1e-8)

    def forward(self, x: Tensor) -> Tensor:
        u = self.squash(self.primary(F.relu(self.conv(x))).view(x.shape[0], -1, 4))
        votes = (self.w @ u[:, :, None, :, None]).squeeze(-1)
        b = torch.zeros(votes.shape[:3])
        for i in range(3):
            c = b.softmax(2)
            v = self.squash((c[..., None] * votes).sum(1))
            if i < 2:
                b = b + (votes * v[:, None]).sum(-1)
        return v.norm(dim=-1)


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 144, 16)
        )

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x, y = F.normalize(self.net(x)), F.normalize(self.net(y))
        return F.pairwise_distance(x, y), F.cosine_similarity(x, y)


class ConvLSTM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gates, self.head = nn.Conv2d(3 + 8, 32, 3, padding=1), nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = c = torch.zeros(x.shape[0], 8, *x.shape[3:])
        for t in range(x.shape[1]):
            i, f, o, g = self.gates(torch.cat([x[:, t], h], 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        y: Tensor = self.head(h)
        return y


class KAN(nn.Module):
    """Kolmogorov-Arnold layers: splines of degree 2 over a fixed grid, and a base of SiLU."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grid", torch.linspace(-1.6, 1.6, 9))
        sizes = [4, 8, 3]
        self.base = nn.ModuleList(nn.Linear(i, o) for i, o in itertools.pairwise(sizes))
        self.spline = nn.ParameterList(torch.randn(o, i, 6) for i, o in itertools.pairwise(sizes))

    def bases(self, x: Tensor) -> Tensor:
        x, g = x[..., None], self.grid
        b = ((x >= g[:-1]) & (x < g[1:])).to(x.dtype)
        for k in (1, 2):
            left = (x - g[: -k - 1]) / (g[k:-1] - g[: -k - 1]) * b[..., :-1]
            b = left + (g[k + 1 :] - x) / (g[k + 1 :] - g[1:-k]) * b[..., 1:]
        return b

    def forward(self, x: Tensor) -> Tensor:
        for base, spline in zip(self.base, self.spline, strict=True):
            x = base(F.silu(x)) + torch.einsum("bik,oik->bo", self.bases(x), spline)
        return x


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch, self.norm = nn.Conv2d(3, 32, 8, 8), nn.LayerNorm(32)
        self.tokens = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.channels = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32))
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm(x).transpose(1, 2)).transpose(1, 2)
        y: Tensor = self.head((x + self.channels(x)).mean(1))
        return y


class Detector(nn.Module):
    """DETR as its notebook has it: learned rows and columns as positions, queries, two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 16, 7, 4, 3), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1))
        self.transformer = nn.Transformer(32, 4, 1, 1, 64)
        self.query = nn.Parameter(torch.rand(10, 32))
        self.row, self.col = nn.Parameter(torch.rand(8, 16)), nn.Parameter(torch.rand(8, 16))
        self.classes, self.boxes = nn.Linear(32, 6), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.backbone(x)
        rows, cols = h.shape[-2:]
        at = torch.cat(
            [self.col[:cols][None].repeat(rows, 1, 1), self.row[:rows][:, None].repeat(1, cols, 1)], -1
        ).flatten(0, 1)[:, None]
        h = self.transformer(at + 0.1 * h.flatten(2).permute(2, 0, 1), self.query[:, None]).transpose(0, 1)
        return {"logits": self.classes(h), "boxes": self.boxes(h).sigmoid()}


class NeRF(nn.Module):
    """Positions and directions by sines and cosines, a skip in the middle, two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3 + 3 * 8, 32), nn.Linear(32 + 27, 32)
        self.density, self.feature = nn.Linear(32, 1), nn.Linear(32, 32)
        self.colour = nn.Sequential(nn.Linear(32 + 27, 16), nn.ReLU(), nn.Linear(16, 3), nn.Sigmoid())

    @staticmethod
    def encode(x: Tensor) -> Tensor:
        return torch.cat([x, *(f(2.0**i * x) for i in range(4) for f in (torch.sin, torch.cos))], -1)

    def forward(self, rays: Tensor) -> Tensor:
        x, d = self.encode(rays[:, :3]), self.encode(rays[:, 3:])
        h = F.relu(self.b(torch.cat([F.relu(self.a(x)), x], -1)))
        return torch.cat([self.colour(torch.cat([self.feature(h), d], -1)), F.relu(self.density(h))], -1)


class Rendered(nn.Module):
    """Volume rendering of samples along rays: cumulative products."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, points: Tensor) -> Tensor:
        out = self.net(points)
        alpha = 1 - torch.exp(-F.relu(out[..., 3]) * 0.1)
        left = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10], -1), -1)[:, :-1]
        return ((alpha * left)[..., None] * out[..., :3].sigmoid()).sum(1)


class EdgeConv(nn.Module):
    """DGCNN: nearest neighbours by distance, their features gathered."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.head = nn.Sequential(nn.Conv2d(6, 16, 1), nn.LeakyReLU(0.2)), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        b, c, n = x.shape
        inner = -2 * x.transpose(2, 1) @ x
        square = (x**2).sum(1, keepdim=True)
        near = (-square - inner - square.transpose(2, 1)).topk(4, -1)[1]
        flat = (near + torch.arange(b)[:, None, None] * n).view(-1)
        points = x.transpose(2, 1).reshape(b * n, c)
        close = points[flat].view(b, n, 4, c)
        own = points.view(b, n, 1, c).repeat(1, 1, 4, 1)
        y = self.net(torch.cat([close - own, own], 3).permute(0, 3, 1, 2)).max(-1)[0]
        out: Tensor = self.head(y.max(-1)[0])
        return out


class HyperNetwork(nn.Module):
    """Weights of a convolution made from a code (a dynamic filter, grouped by sample)."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Linear(8, 3 * 4)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        w = self.weights(code).view(-1, 4, 3)
        return torch.einsum("boc,bchw->bohw", w, x).tanh()


class Style2(nn.Module):
    """StyleGAN2: a convolution whose weights a style scales, and demodulation."""

    def __init__(self) -> None:
        super().__init__()
        self.style, self.w = nn.Linear(8, 6), nn.Parameter(torch.randn(5, 6, 3, 3))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        s = self.style(code) + 1
        d = torch.rsqrt(((self.w[None] * s[:, None, :, None, None]) ** 2).sum((2, 3, 4)) + 1e-8)
        y = F.conv2d(x * s[:, :, None, None], self.w, padding=1) * d[:, :, None, None]
        return F.leaky_relu(y, 0.2)


class Diffusion(nn.Module):
    """A denoiser: sines of a step, scales and shifts by it, group norms, attention over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.time = nn.Conv2d(3, 16, 3, padding=1), nn.Sequential(nn.Linear(16, 32), nn.SiLU())
        self.norm, self.conv, self.by = (
            nn.GroupNorm(4, 16),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.Linear(32, 32),
        )
        self.qkv, self.out = nn.Conv2d(16, 48, 1), nn.Conv2d(16, 3, 3, padding=1)
        self.register_buffer("rate", torch.exp(-torch.arange(8) / 2.0))

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        angle = step[:, None].float() * self.rate[None]
        scale, shift = self.by(self.time(torch.cat([angle.sin(), angle.cos()], -1)))[:, :, None, None].chunk(
            2, 1
        )
        h = self.inside(x)
        h = h + self.conv(F.silu(self.norm(h) * (1 + scale) + shift))
        b, c, height, width = h.shape
        q, k, v = self.qkv(h).view(b, 3, c, -1).unbind(1)
        w = torch.softmax(torch.einsum("bct,bcs->bts", q, k) * c**-0.5, -1)
        h = h + torch.einsum("bts,bcs->bct", w, v).view(b, c, height, width)
        y: Tensor = self.out(h)
        return y


class Deformed(nn.Module):
    """Offsets moved over a grid and sampled: optical flow's warping."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = nn.Conv2d(6, 2, 3, padding=1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h, w = x.shape[2:]
        flow = self.flow(torch.cat([x, y], 1))
        rows, cols = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        at = torch.stack([cols, rows], 0).float()[None] + flow
        at = torch.stack([2 * at[:, 0] / (w - 1) - 1, 2 * at[:, 1] / (h - 1) - 1], -1)
        return F.grid_sample(y, at, align_corners=True)


class Hashed(nn.Module):
    """A fake quantisation of activations in float: rounds and clamps."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.clamp(torch.round(self.a(x) * 16), -128, 127) / 16
        z: Tensor = self.b(torch.floor(y * 8) / 8)
        return z


def _x(*shape: int) -> tuple[Tensor, ...]:
    return (torch.randn(*shape),)


def _ids(*shape: int, top: int = 20) -> Tensor:
    return torch.randint(1, top, shape)


def design_networks() -> dict[str, Callable[[], Made]]:
    """Name -> what makes the network and its inputs."""
    near = torch.rand(10, 10) > 0.6
    return {
        "plain/unet-3d": lambda: (UNet3d(), _x(1, 1, 8, 8, 8)),
        "plain/vae": lambda: (VAE(), _x(1, 1, 16, 16)),
        "plain/vq-vae": lambda: (VectorQuantised(), _x(1, 3, 16, 16)),
        "plain/real-nvp": lambda: (Flow(), _x(1, 8)),
        "plain/glow": lambda: (SplitFlow(), _x(1, 1, 8, 8)),
        "plain/gcn": lambda: (GraphConv(), (torch.randn(10, 12), (near | near.T).float())),
        "plain/gat": lambda: (GraphAttention(), (torch.randn(10, 12), (near | near.T).float())),
        "plain/capsules": lambda: (Capsules(), _x(1, 1, 20, 20)),
        "plain/siamese": lambda: (Siamese(), (torch.randn(1, 1, 28, 28), torch.randn(1, 1, 28, 28))),
        "plain/conv-lstm": lambda: (ConvLSTM(), _x(1, 4, 3, 8, 8)),
        "plain/kan": lambda: (KAN(), (torch.rand(1, 4),)),
        "plain/mlp-mixer": lambda: (Mixer(), _x(1, 3, 32, 32)),
        "plain/detr": lambda: (Detector(), _x(1, 3, 64, 48)),
        "plain/nerf": lambda: (NeRF(), _x(16, 6)),
        "plain/volume-rendering": lambda: (Rendered(), _x(4, 8, 3)),
        "plain/edge-conv": lambda: (EdgeConv(), _x(1, 3, 24)),
        "plain/hyper-network": lambda: (HyperNetwork(), (torch.randn(2, 3, 6, 6), torch.randn(2, 8))),
        "plain/modulated-conv": lambda: (Style2(), (torch.randn(1, 6, 8, 8), torch.randn(1, 8))),
        "plain/diffusion": lambda: (Diffusion(), (torch.randn(1, 3, 8, 8), torch.rand(1) * 100)),
        "plain/flow-warp": lambda: (Deformed(), (torch.randn(1, 3, 8, 10), torch.randn(1, 3, 8, 10))),
        "plain/rounded": lambda: (Hashed(), _x(1, 16)),
    }
