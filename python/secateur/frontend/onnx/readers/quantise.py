"""Quantisation that is not in pairs around tensors (qdq.py takes those out)."""

from __future__ import annotations

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


@reads("QuantizeLinear", "DequantizeLinear")
def alone(b: Builder, a: Args) -> Tensor:
    raise Unsupported(
        "it is taken in a pair QuantizeLinear, DequantizeLinear around a tensor, of bytes with one scale"
    )
