"""Every operator that the frontend takes, in a tiny network: the runtime must give what PyTorch gives."""

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
from secateur.program import Program


class Fn(nn.Module):
    """A function as a module, with modules it may use as `m`."""

    def __init__(self, function: Callable[..., Any], *modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(modules)

    def forward(self, *x: torch.Tensor) -> Any:
        return self.function(*self.parts, *x)


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Normalisations with statistics that are not 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for m in module.modules():
            if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) and m.track_running_stats:
                assert m.running_mean is not None
                assert m.running_var is not None
                m.running_mean.copy_(torch.randn(m.num_features, generator=generator))
                m.running_var.copy_(torch.rand(m.num_features, generator=generator) + 0.5)
            if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)) and m.weight is not None:
                m.weight.copy_(torch.randn(m.weight.shape, generator=generator))
                m.bias.copy_(torch.randn(m.bias.shape, generator=generator))
    return module.eval()


def check(module: nn.Module, *shapes: tuple[int, ...]) -> Program:
    """Compiles, runs on fresh inputs and compares with PyTorch."""
    torch.manual_seed(0)
    module = randomised(module)
    inputs = tuple(torch.randn(shape) for shape in shapes)
    program = sct.compile(module, inputs)
    fresh = tuple(torch.randn(shape) for shape in shapes)
    with torch.no_grad():
        wanted = module(*fresh)
    got = program.session().run(*[x.numpy() for x in fresh])
    wanted = wanted if isinstance(wanted, (tuple, list)) else (wanted,)
    got = got if isinstance(got, tuple) else (got,)
    assert len(wanted) == len(got)
    for want, y in zip(wanted, got, strict=True):
        assert y.shape == tuple(want.shape)
        scale = max(1.0, float(want.abs().max()))
        np.testing.assert_allclose(y, want.numpy(), rtol=0, atol=2e-5 * scale)
    return program


IMAGE = (1, 4, 9, 11)
TOKENS = (1, 7, 12)

CONVOLUTIONS = {
    "1x1": nn.Conv2d(4, 6, 1),
    "3x3 no bias": nn.Conv2d(4, 6, 3, bias=False),
    "3x3 stride 2 padding 1": nn.Conv2d(4, 6, 3, 2, 1),
    "5x3 uneven padding": nn.Conv2d(4, 6, (5, 3), padding=(2, 0)),
    "dilated": nn.Conv2d(4, 6, 3, dilation=2, padding=2),
    "same": nn.Conv2d(4, 6, (3, 4), padding="same"),
    "valid": nn.Conv2d(4, 6, 3, padding="valid"),
    "grouped": nn.Conv2d(4, 6, 3, groups=2),
    "depthwise": nn.Conv2d(4, 4, 3, 2, 1, groups=4),
    "depthwise multiplier": nn.Conv2d(4, 8, 3, padding=1, groups=4),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("batch", [1, 2])
def test_convolution(name: str, batch: int) -> None:
    check(nn.Sequential(CONVOLUTIONS[name]), (batch, *IMAGE[1:]))


def test_conv1d() -> None:
    check(nn.Sequential(nn.Conv1d(5, 7, 3, 2, 1), nn.ReLU(), nn.Conv1d(7, 4, 5, padding="same")), (1, 5, 23))
    check(
        nn.Sequential(nn.Conv1d(6, 6, 3, padding=1, groups=6), nn.MaxPool1d(2), nn.AvgPool1d(3)), (2, 6, 24)
    )


def test_unbatched_image() -> None:
    check(nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU()), (4, 8, 8))


def test_zero_padding_is_folded() -> None:
    module = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(4, 6, 3, 2))
    assert [layer.op for layer in check(module, IMAGE).layers] == ["Conv"]


POOLS = {
    "max": nn.MaxPool2d(3, 2),
    "max padding": nn.MaxPool2d(3, 2, 1),
    "max ceil": nn.MaxPool2d(3, 2, ceil_mode=True),
    "max ceil padding": nn.MaxPool2d((2, 3), 3, (1, 1), ceil_mode=True),
    "average": nn.AvgPool2d(2),
    "average counting": nn.AvgPool2d(3, 2, 1),
    "average not counting": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "average ceil": nn.AvgPool2d(2, 2, ceil_mode=True),
    "average ceil counting": nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    "average ceil not counting": nn.AvgPool2d(4, 3, 1, ceil_mode=True, count_include_pad=False),
    "adaptive 1": nn.AdaptiveAvgPool2d(1),
    "adaptive divides": nn.AdaptiveAvgPool2d((5, 2)),
    "adaptive same": nn.AdaptiveAvgPool2d((10, 12)),
    "adaptive max": nn.AdaptiveMaxPool2d(1),
}


@pytest.mark.parametrize("name", POOLS)
def test_pool(name: str) -> None:
    check(nn.Sequential(POOLS[name]), (2, 3, 10, 12))


ACTIVATIONS: dict[str, nn.Module] = {
    type(m).__name__ + extra: m
    for m, extra in (
        (nn.ReLU(), ""),
        (nn.ReLU6(), ""),
        (nn.Hardtanh(-0.5, 0.25), ""),
        (nn.LeakyReLU(0.1), ""),
        (nn.Hardswish(), ""),
        (nn.Hardsigmoid(), ""),
        (nn.Sigmoid(), ""),
        (nn.SiLU(), ""),
        (nn.Tanh(), ""),
        (nn.GELU(), ""),
        (nn.GELU(approximate="tanh"), " tanh"),
        (nn.PReLU(), ""),
        (Fn(lambda x: x.clamp(-0.1, 0.2)), " clamp"),
        (Fn(lambda x: x.clamp(min=-0.1)), " clamp min"),
        (Fn(lambda x: x.clamp_max(0.1)), " clamp max"),
    )
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_alone_and_fused(name: str) -> None:
    check(nn.Sequential(ACTIVATIONS[name]), IMAGE)
    program = check(nn.Sequential(nn.Conv2d(4, 5, 1), ACTIVATIONS[name]), IMAGE)
    assert [layer.op for layer in program.layers] == ["Conv"]


NORMS = {
    "after conv": (nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)), IMAGE, ["Conv"]),
    "after depthwise": (nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.BatchNorm2d(4)), IMAGE, ["Depthwise"]),
    "before conv": (nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3)), IMAGE, ["Conv"]),
    "before grouped": (nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 6, 1, groups=2)), IMAGE, ["Conv"]),
    "before padding": (
        nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3, padding=1)),
        IMAGE,
        ["Depthwise", "Conv"],
    ),
    "twice": (nn.Sequential(nn.BatchNorm2d(4), nn.BatchNorm2d(4)), IMAGE, ["Depthwise"]),
    "with relu": (
        nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 1)),
        IMAGE,
        ["Depthwise", "Conv"],
    ),
    "vectors": (nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8)), (3, 5), ["Conv"]),
    "layer norm": (nn.LayerNorm(12), TOKENS, ["LayerNorm"]),
    "layer norm plain": (nn.LayerNorm(12, elementwise_affine=False), TOKENS, ["LayerNorm"]),
    "layer norm of channels": (
        Fn(lambda n, x: n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.LayerNorm(4)),
        IMAGE,
        ["LayerNorm"],
    ),
}


@pytest.mark.parametrize("name", NORMS)
def test_normalisation(name: str) -> None:
    module, shape, ops = NORMS[name]
    assert [layer.op for layer in check(module, shape).layers] == ops


LINEARS = {
    "vectors": (nn.Linear(12, 5), (3, 12)),
    "one vector": (nn.Linear(12, 5), (12,)),
    "tokens": (nn.Linear(12, 5), TOKENS),
    "four dimensions": (nn.Linear(12, 5), (1, 3, 4, 12)),
    "no bias": (nn.Linear(12, 5, bias=False), TOKENS),
    "matmul right": (Fn(lambda x: x @ torch.arange(24.0).reshape(12, 2)), TOKENS),
    "matmul left": (Fn(lambda x: torch.arange(14.0).reshape(2, 7) @ x), TOKENS),
    "matmul vector": (Fn(lambda x: x @ torch.arange(12.0)), TOKENS),
    "addmm": (Fn(lambda x: torch.addmm(torch.arange(3.0), x, torch.ones(12, 3), alpha=2, beta=3)), (4, 12)),
    "after flatten": (nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(3 * 7 * 9, 5)), IMAGE),
    "after channels-last flatten": (
        Fn(lambda c, m, x: m(c(x).permute(0, 2, 3, 1).flatten(1)), nn.Conv2d(4, 3, 3), nn.Linear(189, 5)),
        IMAGE,
    ),
    "batch of images": (nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(189, 5)), (3, *IMAGE[1:])),
    "over tokens": (Fn(lambda m, x: m(x.transpose(1, 2)).transpose(1, 2), nn.Linear(7, 5)), TOKENS),
}


@pytest.mark.parametrize("name", LINEARS)
def test_linear(name: str) -> None:
    check(*LINEARS[name])


ARITHMETIC = {
    "two inputs": (Fn(lambda x, y: (x + y) * (x - y)), (IMAGE, IMAGE)),
    "divide": (Fn(lambda x, y: x / (y * y + 1)), (IMAGE, IMAGE)),
    "maximum": (Fn(lambda x, y: torch.maximum(x, y) - torch.minimum(x, 2 * y)), (IMAGE, IMAGE)),
    "scalars": (Fn(lambda x: (3 - (x * 2 + 1) / 4) / 0.5 - 1), (IMAGE,)),
    "reciprocal": (Fn(lambda x: 1 / (x * x + 2) + torch.neg(x).abs()), (IMAGE,)),
    "alpha": (Fn(lambda x, y: torch.add(x, y, alpha=3) + torch.sub(x, 1.0, alpha=2)), (IMAGE, IMAGE)),
    "per channel": (
        Fn(lambda x: x * torch.arange(1.0, 5).reshape(4, 1, 1) + torch.ones(1, 4, 1, 1)),
        (IMAGE,),
    ),
    "full constant": (Fn(lambda x: x + torch.arange(4 * 9 * 11.0).reshape(1, 4, 9, 11)), (IMAGE,)),
    "per column constant": (Fn(lambda x: x * torch.arange(11.0)), (IMAGE,)),
    "position embedding": (Fn(lambda x: x + torch.arange(84.0).reshape(1, 7, 12)), (TOKENS,)),
    "squeeze and excite": (
        Fn(lambda m, x: x * torch.sigmoid(m(x.mean((2, 3), keepdim=True))), nn.Conv2d(4, 4, 1)),
        (IMAGE,),
    ),
    "squeeze and excite, batch": (
        Fn(lambda m, x: torch.sigmoid(m(x.mean((2, 3))))[:, :, None, None] * x, nn.Linear(4, 4)),
        ((2, *IMAGE[1:]),),
    ),
    "one plane for all channels": (Fn(lambda m, x: x * m(x), nn.Conv2d(4, 1, 1)), (IMAGE,)),
    "transposed operand": (Fn(lambda x, y: x + y.transpose(1, 2)), (TOKENS, (1, 12, 7))),
    "square": (Fn(lambda x: x.pow(2) + x**3 + x.square()), (IMAGE,)),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(name: str) -> None:
    module, shapes = ARITHMETIC[name]
    check(module, *shapes)


REDUCTIONS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], tuple[int, ...]]] = {
    "mean of positions": (lambda x: x.mean((2, 3)), IMAGE),
    "mean of rows": (lambda x: x.mean(2), IMAGE),
    "mean of columns": (lambda x: x.mean(3), IMAGE),
    "mean of channels": (lambda x: x.mean(1, keepdim=True), IMAGE),
    "mean of tokens": (lambda x: x.mean(1), TOKENS),
    "mean of features": (lambda x: x.mean(-1), TOKENS),
    "mean of a dimension of channels and positions": (lambda x: x.flatten(1).mean(1, keepdim=True), IMAGE),
    "mean of channels and columns": (lambda x: x.mean((1, 3)), IMAGE),
    "mean of channels and rows": (lambda x: x.mean((1, 2), keepdim=True).squeeze(1), IMAGE),
    "sum": (lambda x: x.sum((2, 3), keepdim=True), IMAGE),
    "sum of channels": (lambda x: x.sum(1), IMAGE),
    "amax": (lambda x: x.amax((2, 3)), IMAGE),
    "amax of channels": (lambda x: x.amax(1), IMAGE),
    "max with indices": (
        lambda x: x.max(1, keepdim=True)[0] + x.max(2)[0][:, :1, None].mean(3, keepdim=True),
        IMAGE,
    ),
    "softmax": (lambda x: F.softmax(x, dim=1), IMAGE),
    "softmax of features": (lambda x: F.softmax(x, dim=-1), TOKENS),
    "softmax of tokens": (lambda x: F.softmax(x, dim=1), TOKENS),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(name: str) -> None:
    function, shape = REDUCTIONS[name]
    check(Fn(function), shape)
    check(Fn(lambda m, x: function(m(x)), nn.Identity()), (2, *shape[1:]))


SHAPES: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "concatenation": (lambda x: torch.cat([x, x * 2, x.relu()], 1), IMAGE),
    "concatenation of one channel": (lambda x: torch.cat([x[:, :1], x[:, 2:3] * 2], 1), IMAGE),
    "concatenation of columns": (lambda x: torch.cat([x, x * 2], 3).sum((2, 3)), IMAGE),
    "concatenation of tokens": (lambda x: torch.cat([x * 3, x], 1), TOKENS),
    "concatenation with nothing": (
        lambda x: torch.cat([x[:, :0], x[:, 2:2], *x.split([0, 3, x.shape[1] - 3], 1)], 1) * 2,
        TOKENS,
    ),
    "class token": (lambda x: torch.cat([torch.arange(12.0).expand(1, 1, 12), x], 1), TOKENS),
    "stack": (lambda x: torch.stack([x, 2 * x], 1).flatten(1, 2), IMAGE),
    "chunk": (lambda x: torch.chunk(x, 2, 1)[1] * torch.chunk(x, 2, 1)[0], IMAGE),
    "split": (lambda x: torch.split(x, [1, 3], 1)[1], IMAGE),
    "unbind": (lambda x: x.reshape(1, 7, 3, 4).unbind(2)[1], TOKENS),
    "every second pixel": (lambda x: x[:, :, ::2, ::2], IMAGE),
    "crop": (lambda x: x[:, 1:3, 2:-1, 3:8], IMAGE),
    "one token": (lambda x: x[:, 0], TOKENS),
    "last token": (lambda x: x[:, -1], TOKENS),
    "some features": (lambda x: x[..., 2:7], TOKENS),
    "every third feature": (lambda x: x[..., ::3], TOKENS),
    "pad channels": (lambda x: F.pad(x, (0, 0, 0, 0, 1, 2)), IMAGE),
    "pad with a value": (lambda x: F.pad(x, (1, 2, 3, 0), value=2.5), IMAGE),
    "pad everything": (lambda x: F.pad(x, (1, 1, 2, 0, 0, 3)), IMAGE),
    "crop by padding": (lambda x: F.pad(x, (-1, -2, 1, 0)), IMAGE),
    "views": (lambda x: x.view(1, 2, 2, 99).permute(0, 2, 1, 3).reshape(1, 4, 9, 11), IMAGE),
    "squeeze": (lambda x: x.mean((2, 3), keepdim=True).squeeze(-1).squeeze(-1).unsqueeze(1), IMAGE),
    "channels last": (lambda x: x.permute(0, 2, 3, 1).contiguous(), IMAGE),
    "two outputs": (lambda x: (x + 1, x.mean((2, 3))), IMAGE),
    "same output twice": (lambda x: (x * 2, x * 2 + 1), TOKENS),
    "identity": (lambda x: x, IMAGE),
    "dropout": (lambda x: F.dropout(x, 0.5, training=False) + 1, IMAGE),
    "tokens of an image": (lambda x: x.flatten(2).transpose(1, 2), IMAGE),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name: str) -> None:
    function, shape = SHAPES[name]
    check(Fn(function), shape)


def test_channel_shuffle() -> None:
    def shuffle(first: nn.Module, second: nn.Module, x: torch.Tensor) -> Any:
        y = first(x)
        y = y.view(1, 2, 3, 9, 11).transpose(1, 2).reshape(1, 6, 9, 11)
        return second(y)

    for groups in (1, 6):
        check(Fn(shuffle, nn.Conv2d(4, 6, 1), nn.Conv2d(6, 6, 3, groups=groups)), IMAGE)


def test_attention_variants() -> None:
    def heads(x: torch.Tensor, count: int = 3) -> torch.Tensor:
        return x.view(*x.shape[:2], count, -1).transpose(1, 2)

    def sdpa(x: torch.Tensor, y: torch.Tensor, **options: Any) -> torch.Tensor:
        out = F.scaled_dot_product_attention(heads(x), heads(y), heads(2 * y), **options)
        return out.transpose(1, 2).flatten(2)

    mask = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    check(Fn(sdpa), TOKENS, (1, 5, 12))
    check(Fn(sdpa), (2, 7, 12), (2, 5, 12))
    check(Fn(lambda x, y: sdpa(x, y, attn_mask=mask)), TOKENS, (1, 5, 12))
    check(Fn(lambda x, y: sdpa(x, y, attn_mask=mask > -0.5)), TOKENS, (1, 5, 12))
    check(Fn(lambda x: sdpa(x, x, is_causal=True)), TOKENS)
    check(Fn(lambda x: sdpa(x, x, scale=0.3)), TOKENS)
    check(Fn(lambda x: F.scaled_dot_product_attention(x, x, x)), TOKENS)


def test_attention_written_out() -> None:
    def written(x: torch.Tensor) -> torch.Tensor:
        q, k, v = (t.reshape(1, 7, 3, 4).transpose(1, 2) for t in (x, x + 1, x * 2))
        scores = q @ k.transpose(-2, -1) / math.sqrt(4)
        mask = torch.full((7, 7), -1e9).triu(1)
        return ((scores + mask).softmax(-1) @ v).transpose(1, 2).reshape(1, 7, 12)

    program = check(Fn(written), TOKENS)
    assert "Attention" in [layer.op for layer in program.layers]


def test_a_boolean_added_to_scores_counts_as_one() -> None:
    def biased(x: torch.Tensor) -> torch.Tensor:
        near = torch.ones(7, 7, dtype=torch.bool).tril(1)
        return (x @ x.transpose(1, 2) + near).softmax(-1) @ x

    program = check(Fn(biased), TOKENS)
    assert "Attention" in [layer.op for layer in program.layers]


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_transformer_layer(norm_first: bool, batch_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(
        12, 3, 20, dropout=0.1, activation="gelu", norm_first=norm_first, batch_first=batch_first
    )
    check(layer, (2, 7, 12) if batch_first else (7, 1, 12))


@pytest.mark.parametrize("weights", [False, True])
def test_multihead_attention(weights: bool) -> None:
    module = Fn(
        lambda m, x: m(x, x, x, need_weights=weights)[0], nn.MultiheadAttention(12, 3, batch_first=True)
    )
    ops = [layer.op for layer in check(module, (2, 7, 12)).layers]
    assert ops == ["Conv", "Conv", "Conv", "Attention", "Conv"]


def test_vision_transformer() -> None:
    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, 12, 4, 4)
            self.cls = nn.Parameter(torch.randn(1, 1, 12))
            self.position = nn.Parameter(torch.randn(1, 10, 12))
            self.block = nn.TransformerEncoderLayer(12, 3, 20, batch_first=True, norm_first=True)
            self.head = nn.Linear(12, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.position
            return self.head(self.block(x)[:, 0])

    check(ViT(), (1, 3, 12, 12))
    check(ViT(), (2, 3, 12, 12))


def test_none_and_numbers_among_the_outputs() -> None:
    """What is no tensor is left out; what is has the name of its place."""
    module = Fn(lambda x: {"loss": None, "logits": x * 2, "cache": [3, x + 1]})
    program = sct.compile(module, torch.randn(1, 4))
    x = torch.randn(1, 4)
    got = program.session().run(x.numpy())
    assert list(program.outputs) == ["logits", "cache.1"]
    np.testing.assert_allclose(got[0], 2 * x)
    np.testing.assert_allclose(got[1], x + 1)
    with pytest.raises(UnsupportedOperatorError, match="returns no tensor"):
        sct.compile(Fn(lambda x: None), torch.randn(1, 4))
