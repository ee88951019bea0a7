"""Integers and truth values at run time: comparisons, masks, counts and places, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur.errors import InvalidArgumentError, UnsupportedOperatorError


class Fn(nn.Module):
    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, *x: torch.Tensor) -> Any:
        return self.function(*self.parts, *x)


def ids(*shape: int, seed: int = 0, high: int = 9) -> torch.Tensor:
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(seed))


def check(module: nn.Module, examples: tuple[Any, ...], fresh: tuple[Any, ...], rtol: float = 2e-5) -> None:
    """Compiled on the examples (and verified there), then run on other inputs."""
    module = module.eval()
    session = sct.Session(sct.compile(module, examples))
    with torch.no_grad():
        want = module(*fresh)
    got = session.run([x.numpy() for x in fresh])
    wanted = want if isinstance(want, tuple) else (want,)
    for y, t in zip(got if isinstance(got, tuple) else (got,), wanted, strict=True):
        assert y.shape == tuple(t.shape)
        np.testing.assert_allclose(y, t.float().numpy(), rtol=0, atol=rtol * max(1.0, float(t.abs().max())))


# What a network makes of token ids, always times numbers that differ from place to place.
OF_IDS: dict[str, Callable[[torch.Tensor], Any]] = {
    "eq": lambda x: (x == 3).float(),
    "ne": lambda x: (x != 3).float(),
    "lt and gt": lambda x: ((x > 2) & (x < 6)).float(),
    "le or ge": lambda x: ((x <= 1) | (x >= 7)).float(),
    "xor, not": lambda x: (~((x > 2) ^ (x < 6))).float(),
    "of two": lambda x: (x == x.flip(-1)).float(),
    "arithmetic": lambda x: (x * 2 - 5 + x).float(),
    "division": lambda x: x / 4,
    "to bool": lambda x: x.bool().float(),
    "any and all": lambda x: torch.stack([(x == 0).any(-1), (x < 8).all(-1)], -1).float(),
    "counts": lambda x: (x != 0).sum(-1).float(),
    "cumulative": lambda x: x.ne(0).int().cumsum(-1).float(),
    "where": lambda x: torch.where(x > 4, 1.5, -2.0),
    "where of ids": lambda x: torch.where(x > 4, x, x + 100).float(),
    "masked fill": lambda x: x.float().masked_fill(x == 2, -7.0),
    "argmax": lambda x: x.float().argmax(-1).float(),
    "argmax along the first": lambda x: x.float().argmax(0, keepdim=True).float(),
    "places of all": lambda x: torch.stack([x.float().argmax(), x.float().argmin()]).float(),
    "argmin": lambda x: x.float().argmin(-1).float(),
    "to bytes and back": lambda x: x.to(torch.uint8).to(torch.int16).float(),
    "of floats": lambda x: (x * 1.7 - 6).long() + 0.5,
    "a view of them": lambda x: x.reshape(-1).eq(4).float(),
    "transposed": lambda x: x.t().ge(4).float(),
    "one of them": lambda x: (x[:, 1:4] == 4).float(),
}


def test_of_a_constant_behind_its_first_dimensions() -> None:
    """Rows of a constant that a computed index chooses, as a detector takes its best anchors."""
    table = torch.randn(2, 9, 3, 5)
    check(
        Fn(lambda x: (table[:, x], table[:, x, x % 3], table[:, x, :, x % 5], table[x % 2, x])),
        (torch.tensor([3, 0, 8, 1]),),
        (torch.tensor([2, 2, 7, 5]),),
    )


@pytest.mark.parametrize("name", OF_IDS)
def test_of_ids(name: str) -> None:
    weights = torch.rand(64) + 0.5

    def network(x: torch.Tensor) -> torch.Tensor:
        y = OF_IDS[name](x)
        return y * weights[: y.numel()].view(y.shape)

    for shape in ((1, 7), (3, 5)):
        check(Fn(network), (ids(*shape),), (ids(*shape, seed=1),))


OF_FLOATS: dict[str, Callable[[torch.Tensor], Any]] = {
    "gt": lambda x: (x > 0.25).float(),
    "le": lambda x: (x <= x.roll(1, -1)).float(),
    "eq": lambda x: (x == x.clamp(-0.5, 0.5)).float(),
    "where": lambda x: torch.where(x > 0, x * 3, x - 1),
    "where with a number": lambda x: torch.where(x > 0, x, 0.25),
    "masked fill": lambda x: x.masked_fill(x < 0, 9.0),
    "argmax": lambda x: x.argmax(1).float(),
    "bool": lambda x: x.clamp(min=0).bool().float(),
    "cumulative": lambda x: x.cumsum(1),
}


@pytest.mark.parametrize("name", OF_FLOATS)
def test_of_floats(name: str) -> None:
    for shape in ((2, 6), (1, 4, 5, 3)):
        check(Fn(OF_FLOATS[name]), (torch.randn(shape),), (torch.randn(shape),))


INDEXED: dict[str, Callable[[torch.Tensor], Any]] = {
    "an outer product": lambda x: x[:, torch.tensor([[0], [2]]), torch.tensor([[1, 3, 0]])],
    "pairs": lambda x: x[:, torch.tensor([0, 1, 2]), torch.tensor([3, 1, 0])],
    "pairs apart": lambda x: x[torch.tensor([0, 1]), :, torch.tensor([3, 1])],
    "of two dimensions": lambda x: x[:, torch.tensor([[0, 1], [2, 1]])],
    "gathered": lambda x: x.gather(1, torch.tensor([2, 0]).view(1, 2, 1).expand(2, 2, 4)),
}


@pytest.mark.parametrize("name", INDEXED)
def test_index(name: str) -> None:
    check(Fn(INDEXED[name]), (torch.randn(2, 3, 4),), (torch.randn(2, 3, 4),))


def test_a_computed_index_of_a_table() -> None:
    table = torch.randn(30, 5)

    def positions(embedding: nn.Module, x: torch.Tensor) -> torch.Tensor:
        known = x.ne(1).int()
        place = known.cumsum(1) * known + 1  # RoBERTa's
        return embedding(place) + table[place] + table[:, 2].expand(2, 30).gather(1, place)[..., None]

    check(Fn(positions, nn.Embedding(30, 5)), (ids(2, 6),), (ids(2, 6, seed=3, high=3),))


def test_the_token_at_a_computed_place() -> None:
    """CLIP's: the features of the token with the largest number."""

    def network(embedding: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return embedding(x)[torch.arange(x.shape[0]), x.argmax(-1)]

    check(Fn(network, nn.Embedding(9, 7)), (ids(3, 6),), (ids(3, 6, seed=5),))


class Encoder(nn.Module):
    """Token ids and a padding mask, as sentence encoders take them."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.how = how
        self.words = nn.Embedding(9, 16)
        self.qkv, self.norm, self.head = nn.Linear(16, 48), nn.LayerNorm(16), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        y = self.words(x)
        q, k, v = self.qkv(y).view(*x.shape, 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
        keys = mask[:, None, None, :]
        if self.how == "boolean":
            z = F.scaled_dot_product_attention(q, k, v, attn_mask=keys.bool())
        else:
            scores = q @ k.transpose(-1, -2) * 0.5
            if self.how == "added":
                scores = scores + (1.0 - keys.float()) * torch.finfo(torch.float32).min
            else:
                scores = scores.masked_fill(keys == 0, float("-inf"))
            z = scores.softmax(-1) @ v
        y = self.norm(y + z.transpose(1, 2).reshape(y.shape))
        kept = mask[..., None].float()
        return self.head((y * kept).sum(1) / kept.sum(1).clamp(min=1e-9))  # the mean of what is there


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool])
@pytest.mark.parametrize("how", ["boolean", "added", "filled"])
def test_an_encoder_with_a_padding_mask(how: str, dtype: torch.dtype) -> None:
    full, padded = torch.ones(2, 6, dtype=dtype), torch.ones(2, 6, dtype=dtype)
    padded[0, 4:], padded[1, 2:] = 0, 0
    check(Encoder(how), (ids(2, 6), full), (ids(2, 6, seed=2), padded))


def test_key_padding_of_a_transformer() -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    network = Fn(
        lambda words, enc, x: enc(words(x), src_key_padding_mask=x == 0), nn.Embedding(9, 16), encoder
    )
    padded = ids(2, 6, seed=4) + 1
    padded[0, 3:] = 0
    check(network, (ids(2, 6, high=8) + 1,), (padded.clamp(max=8),))


def test_refusals() -> None:
    with pytest.raises(UnsupportedOperatorError, match="logic of bits"):
        sct.compile(Fn(lambda x: (x & x.flip(-1)).float()), ids(1, 6))
    with pytest.raises(UnsupportedOperatorError, match=r"a conversion to torch\.float16"):
        sct.compile(Fn(lambda x: x.half().float()), torch.randn(1, 6))
    session = sct.Session(
        sct.compile(Fn(lambda m, x: m(x) * (x != 2)[..., None], nn.Embedding(9, 4)), ids(1, 6))
    )
    with pytest.raises(InvalidArgumentError, match="from 0 to 8"):
        session.run(np.full((1, 6), 9, np.int64))
