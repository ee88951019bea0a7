"""A bias or a mask of each head, or of each batch item and head, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_operators import Fn
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur import _core


def check(model: nn.Module, x: torch.Tensor) -> None:
    model.eval()
    program = sct.compile(model, x)
    assert [layer.op for layer in program.layers].count("Attention") == 1
    for isa in _core.available_isas():
        got = sct.Session(program, isa=isa).run(x.numpy())
        np.testing.assert_allclose(got, model(x).detach().numpy(), atol=1e-5, err_msg=isa)


class Biased(nn.Module):
    """Self-attention with a learnt bias for each head: fused or written out."""

    def __init__(self, fused: bool, heads: int = 3, tokens: int = 7, width: int = 12) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.bias = nn.Parameter(torch.randn(heads, tokens, tokens))
        self.heads, self.fused = heads, fused

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias)
        else:
            y = (q @ k.transpose(-2, -1) * 0.5 + self.bias).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(batch, tokens, width))


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_bias_for_each_head(fused: bool, batch: int) -> None:
    torch.manual_seed(0)
    check(Biased(fused), torch.randn(batch, 7, 12))


class Shifted(Biased):
    """Windows as batch items, each with a mask of its own, as in shifted-window attention."""

    def __init__(self, windows: int) -> None:
        super().__init__(fused=False)
        self.register_buffer("mask", torch.where(torch.rand(windows, 1, 7, 7) < 0.3, -100.0, 0.0))
        self.windows = windows

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) * 0.5 + self.bias
        scores = scores.view(batch // self.windows, self.windows, self.heads, tokens, tokens) + self.mask
        y = scores.view(-1, self.heads, tokens, tokens).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(batch, tokens, width))


def test_a_mask_for_each_window() -> None:
    torch.manual_seed(0)
    check(Shifted(4), torch.randn(4, 7, 12))
    check(Shifted(2), torch.randn(4, 7, 12))


def test_a_boolean_mask_for_each_item() -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            lengths = torch.tensor([7, 4])
            self.register_buffer("seen", (torch.arange(7) < lengths[:, None])[:, None, None])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            heads = x.reshape(2, 7, 3, 4).transpose(1, 2)
            y = F.scaled_dot_product_attention(heads, heads, heads, attn_mask=self.seen)
            return y.transpose(1, 2).reshape(2, 7, 12)

    torch.manual_seed(0)
    check(Padded(), torch.randn(2, 7, 12))


class Windowed(nn.Module):
    """Swin's: a mask for each window, added where the scores' batch is split by a view with -1."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(12, 36)
        self.register_buffer("mask", torch.randn(4, 6, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).reshape(8, 6, 3, 3, 4).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1)
        scores = scores.view(-1, 4, 3, 6, 6) + self.mask[None, :, None]
        return (scores.view(-1, 3, 6, 6).softmax(-1) @ v).transpose(1, 2).reshape(8, 6, 12)


def test_scores_are_viewed_with_a_free_size() -> None:
    model, x = Windowed().eval(), torch.randn(8, 6, 12)
    got = sct.Session(sct.compile(model, x)).run(x.numpy())
    np.testing.assert_allclose(got, model(x).detach().numpy(), atol=1e-5)


def test_a_transformer_with_the_mask_that_pytorch_makes() -> None:
    """nn.Transformer looks at its mask's values while it is traced."""
    torch.manual_seed(0)
    both = nn.Transformer(16, 2, 1, 1, 32, batch_first=True).eval()
    source, target = torch.randn(2, 6, 16), torch.randn(2, 5, 16)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    module = Fn(lambda m, x, y: m(x, y, tgt_mask=mask), both)
    program = sct.compile(module, (source, target))
    got = program.session().run(source.flip(1).numpy(), target.flip(1).numpy())
    want = module(source.flip(1), target.flip(1)).detach().numpy()
    np.testing.assert_allclose(got, want, atol=3e-6)


@pytest.mark.parametrize("shape", [(2, 1, 5, 7), (2, 3, 5, 7), (5, 7)], ids=str)
def test_a_query_without_a_key_gets_zeros(shape: tuple[int, ...]) -> None:
    """Padding on the left leaves the first queries of a causal decoder nothing to look at."""
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 4)
    module = Fn(lambda *x: F.scaled_dot_product_attention(*x))
    program = sct.compile(module, (q, k, v, torch.rand(shape) > 0.3))
    mask = torch.rand(shape) > 0.5
    mask[..., 1, :] = False
    got = program.session().run([x.numpy() for x in (q, k, v, mask)])
    want = module(q, k, v, mask).numpy()
    assert not want[:, :, 1].any()
    np.testing.assert_allclose(got, want, atol=2e-6)
