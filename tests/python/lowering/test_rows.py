"""What planes do not express, lowered with row-major tensors and general permutations: by the NumPy
definitions in float64 and by the runtime, against PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur.errors import UnsupportedOperatorError
from secateur.frontend.torch import export, lower
from secateur.ir import Graph, Layout, verify
from secateur.ir.reference import run_graph
from secateur.passes import GRAPH_PASSES, core_for, run_passes


class Fn(nn.Module):
    def __init__(self, function: Callable[..., Any], *modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(modules)

    def forward(self, *x: torch.Tensor) -> Any:
        return self.function(*self.parts, *x)


def check(module: nn.Module, *shapes: tuple[int, ...], refused: bool = True) -> Graph:
    """Lowers, runs before and after the passes, compares; without escape such networks are refused."""
    module = module.eval().requires_grad_(False)
    inputs = [torch.randn(shape) for shape in shapes]
    source = export(module, tuple(inputs))
    if refused:
        with pytest.raises(UnsupportedOperatorError):
            lower(source, escape=False)
    graph = lower(source, escape=True)
    verify(graph)
    fresh = [torch.randn(shape) for shape in shapes]
    with torch.no_grad():
        want = module.double()(*(x.double() for x in fresh))
    module.float()
    wanted = want if isinstance(want, (tuple, list)) else (want,)
    for _ in range(2):
        got, _values = run_graph(graph, [x.numpy().astype(np.float64) for x in fresh])
        for y, w in zip(got, wanted, strict=True):
            assert y.shape == tuple(w.shape)
            np.testing.assert_allclose(y, w.numpy(), rtol=0, atol=1e-5 * max(1.0, float(w.abs().max())))
        run_passes(graph, GRAPH_PASSES, core_for("x86-64"))
    return graph


def windows(x: torch.Tensor, size: int) -> torch.Tensor:
    """[B, H, W, C] -> [B * windows, size * size, C]"""
    b, h, w, c = x.shape
    x = x.view(b, h // size, size, w // size, size, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, size * size, c)


def rotary(x: torch.Tensor) -> torch.Tensor:
    """[B, heads, T, d], halves turned against each other."""
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2]).unsqueeze(1) * torch.arange(1, half + 1) / 7.0
    cos, sin = (torch.cat([f, f], -1) for f in (angle.cos(), angle.sin()))
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * cos + turned * sin


def heads(x: torch.Tensor, count: int) -> torch.Tensor:
    return x.view(*x.shape[:2], count, -1).transpose(1, 2)


def window_attention(qkv: nn.Module, out: nn.Module, x: torch.Tensor) -> torch.Tensor:
    b, c, h, w = x.shape
    y = windows(x.permute(0, 2, 3, 1), 4)
    q, k, v = qkv(y).view(y.shape[0], 16, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
    bias = torch.arange(2 * 16 * 16.0).reshape(1, 2, 16, 16) / 100
    y = ((q @ k.transpose(-2, -1)) / math.sqrt(c // 2) + bias).softmax(-1) @ v
    y = out(y.transpose(1, 2).reshape(-1, 16, c))
    y = y.view(b, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
    return y.permute(0, 3, 1, 2) + x


def dfl(conv: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The box decoder of YOLOv8: a softmax over 16 bins, then their mean."""
    y = conv(x).flatten(2)
    b, _, anchors = y.shape
    y = y.view(b, 4, 8, anchors).transpose(2, 1).softmax(1)
    return F.conv2d(y, torch.arange(8.0, dtype=y.dtype).view(1, 8, 1, 1)).view(b, 4, anchors)


def ssd(a: nn.Module, b: nn.Module, x: torch.Tensor) -> torch.Tensor:
    parts = [m(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 5) for m in (a, b)]
    return torch.cat(parts, 1).softmax(-1)


def grouped_query(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    q, k = heads(x, 4), heads(y, 2)
    k = k[:, :, None].expand(-1, -1, 2, -1, -1).reshape(x.shape[0], 4, y.shape[1], -1)
    return F.scaled_dot_product_attention(q, k, k).transpose(1, 2).flatten(2)


IMAGE, TOKENS = (2, 4, 8, 8), (2, 6, 8)
NETWORKS: dict[str, tuple[nn.Module, tuple[tuple[int, ...], ...]]] = {
    "window attention": (Fn(window_attention, nn.Linear(4, 12), nn.Linear(4, 4)), (IMAGE,)),
    "rotary embedding": (Fn(lambda x: rotary(heads(x, 2)).transpose(1, 2).flatten(2)), (TOKENS,)),
    "a class token before rows": (
        Fn(
            lambda x: torch.cat(
                [torch.arange(8.0, dtype=x.dtype).expand(2, 1, 8), (x @ x.transpose(1, 2)) @ x], 1
            )
        ),
        (TOKENS,),
    ),
    "pixel shuffle": (Fn(lambda c, x: c(F.pixel_shuffle(x, 2)), nn.Conv2d(1, 3, 3)), (IMAGE,)),
    "channel attention": (
        Fn(
            lambda x: ((x.flatten(2) @ x.flatten(2).transpose(1, 2)).softmax(-1) @ x.flatten(2)).view(
                2, 4, 8, 8
            )
        ),
        (IMAGE,),
    ),
    "SSD heads": (Fn(ssd, nn.Conv2d(4, 10, 3), nn.Conv2d(4, 10, 3, 2)), (IMAGE,)),
    "distribution focal loss": (Fn(dfl, nn.Conv2d(4, 32, 1)), (IMAGE,)),
    "bias per head": (
        Fn(
            lambda x: F.scaled_dot_product_attention(
                heads(x, 2), heads(x, 2), heads(x, 2), attn_mask=torch.arange(72.0).view(1, 2, 6, 6) / 50
            )
        ),
        (TOKENS,),
    ),
    "grouped queries": (Fn(grouped_query), ((2, 6, 8), (2, 5, 4))),
    "product of two computed tensors": (Fn(lambda x: x @ x.transpose(1, 2)), (TOKENS,)),
    "product with broadcast": (Fn(lambda x, y: x @ y), ((2, 3, 4, 5), (5, 6))),
    "computed bias on scores": (
        Fn(lambda x: (x @ x.transpose(1, 2) + x.mean(-1, keepdim=True)).softmax(-1) @ x),
        (TOKENS,),
    ),
    "attention weights as output": (Fn(lambda x: (x @ x.transpose(1, 2) / 3).softmax(-1)), (TOKENS,)),
    "operands that enlarge each other": (
        Fn(lambda x: x.mean(2, keepdim=True) * x.mean(3, keepdim=True)),
        (IMAGE,),
    ),
    "constant that enlarges": (
        Fn(lambda x: x.mean(2, keepdim=True) + torch.arange(5.0).view(5, 1)),
        (IMAGE,),
    ),
    "constant per batch item": (Fn(lambda x: x * torch.arange(2.0).view(2, 1, 1, 1)), (IMAGE,)),
    "vector norm": (Fn(lambda x: x / ((x * x).sum((1, 2), keepdim=True) + 1)), (IMAGE,)),
    "mean over the batch": (Fn(lambda x: x - x.mean(0)), (IMAGE,)),
    "mean of channels and rows": (Fn(lambda x: x.mean((1, 2))), (IMAGE,)),
    "reduction over part of an axis": (Fn(lambda x: x.view(2, 2, 2, 8, 8).amax(2)), (IMAGE,)),
    "slice of the batch": (Fn(lambda c, x: c(x[1:]) + c(x[:1]), nn.Conv2d(4, 3, 3)), (IMAGE,)),
    "slice across axes": (Fn(lambda x: x.reshape(2, 256)[:, 3:99:2].relu()), (IMAGE,)),
    "padding across axes": (Fn(lambda x: F.pad(x.reshape(2, 256), (1, 3), value=0.5)), (IMAGE,)),
    "concatenation of the batch": (
        Fn(lambda c, x: c(torch.cat([x, 2 * x], 0)), nn.Conv2d(4, 3, 3)),
        (IMAGE,),
    ),
    "concatenation of other orders": (
        Fn(lambda x, y: torch.cat([x, y.transpose(1, 2)], -1)),
        ((2, 6, 8), (2, 5, 6)),
    ),
    "reshape that cuts across": (Fn(lambda m, x: m(x.reshape(2, 16, 16)), nn.Linear(16, 3)), (IMAGE,)),
    "expansion": (Fn(lambda x: x.mean(1, keepdim=True).expand(-1, 3, -1, -1) * 2), (IMAGE,)),
    "batch and tokens exchanged": (
        Fn(lambda m, n, x: n(m(x.transpose(0, 1))).transpose(0, 1), nn.Linear(8, 8), nn.LayerNorm(8)),
        (TOKENS,),
    ),
    "an order that no port has": (Fn(lambda x: x.permute(2, 0, 3, 1).relu()), (IMAGE,)),
    "halves of the channels on the grid": (
        Fn(lambda c, x: c(x.view(2, 2, 2, 8, 8).transpose(2, 3).reshape(2, 2, 16, 8)), nn.Conv2d(2, 3, 3)),
        (IMAGE,),
    ),
}
# Taken by the planes alone too, some at another cost.
TAKEN = {"batch and tokens exchanged", "mean of channels and rows"}


@pytest.mark.parametrize("name", NETWORKS)
def test_row_major_networks(name: str) -> None:
    module, shapes = NETWORKS[name]
    torch.manual_seed(0)
    check(module, *shapes, refused=False)


def run_compiled(module: nn.Module, *shapes: tuple[int, ...]) -> None:
    """Compiled, verified there, and run on other inputs with one thread and with two."""
    module = module.eval().requires_grad_(False)
    program = sct.compile(module, tuple(torch.randn(shape) for shape in shapes))
    fresh = [torch.randn(shape) for shape in shapes]
    want = module.double()(*(x.double() for x in fresh))
    module.float()
    for threads in (1, 2):
        got = sct.Session(program.to_bytes(), threads=threads).run([x.numpy() for x in fresh])
        assert got.shape == tuple(want.shape)
        np.testing.assert_allclose(got, want.numpy(), rtol=0, atol=2e-5 * max(1.0, float(want.abs().max())))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_run(name: str) -> None:
    module, shapes = NETWORKS[name]
    torch.manual_seed(1)
    run_compiled(module, *shapes)


def test_planes_stay_where_the_time_is() -> None:
    """Convolutions and linear layers run on planes, and what the planes express needs no escape."""
    module, shapes = NETWORKS["window attention"]
    graph = check(module, *shapes)
    for op in graph.ops:
        if op.kind in ("Conv", "LayerNorm", "Attention"):
            assert {value.type.layout for value in (*op.inputs, op.output)} == {Layout.PLANES}
    plain = nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 5))
    source = export(plain, torch.randn(IMAGE))
    assert [str(op) for op in lower(source, escape=True).ops] == [
        str(op) for op in lower(source, escape=False).ops
    ]


@pytest.mark.parametrize("seed", range(30))
def test_random_chains_of_views_and_sums(seed: int) -> None:
    """Any chain of permutations, reshapes, slices and broadcasts."""
    rng = np.random.default_rng(seed)

    def step(x: torch.Tensor) -> torch.Tensor:
        kind = rng.integers(5)
        if kind == 0:
            return x.permute(*(int(i) for i in rng.permutation(x.dim())))
        if kind == 1:
            factors = [2] * int(math.log2(x.numel()))
            parts = np.split(np.array(factors), np.sort(rng.integers(0, len(factors) + 1, 2)))
            return x.reshape([int(np.prod(p)) for p in parts])
        dim = int(rng.integers(x.dim()))
        if kind == 2 and x.shape[dim] > 1:
            a, b = x.chunk(2, dim)
            return torch.cat([b, a], dim)
        if kind == 3:
            return x + x.mean(dim, keepdim=True)
        return x.relu() - 0.5

    plan = rng.bit_generator.state

    def function(x: torch.Tensor) -> torch.Tensor:
        rng.bit_generator.state = plan
        for _ in range(8):
            x = step(x)
        return x

    torch.manual_seed(seed)
    check(Fn(function), (2, 4, 4, 4), refused=False)
    run_compiled(Fn(function), (2, 4, 4, 4))
