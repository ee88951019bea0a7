"""A transformer encoder (Vaswani et al., 2017; normalised before each part, as in ViT and GPT)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); tokens last but one: [N, tokens, width]."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """[N, tokens, width] -> [N, heads, tokens, width / heads]."""
        batch, tokens, width = x.shape
        return x.reshape(batch, tokens, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm1(x)
        y = F.scaled_dot_product_attention(
            self.split(self.query(y)), self.split(self.key(y)), self.split(self.value(y))
        )
        x = x + self.out(y.transpose(1, 2).flatten(2))
        z: torch.Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return z


class Encoder(nn.Module):
    """[N, tokens, width] -> the same: embeddings in, embeddings out."""

    def __init__(self, layers: int = 6, width: int = 384, heads: int = 6, hidden: int = 1536) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, heads, hidden) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.norm(self.blocks(x))
        return y
