"""Embeddings of token numbers."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import embedding as lowering
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder


@reads("embedding.default")
def embedding(b: Builder, a: Args) -> Tensor:
    return lowering.embed(b, a.whole("indices"), a.const("weight"))
