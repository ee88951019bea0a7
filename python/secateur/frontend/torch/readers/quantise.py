"""Quantisation that is not in pairs around tensors (qdq.py takes those out)."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


@reads(
    *(
        f"quantized_decomposed.{kind}quantize_per_{of}"
        for kind in ("", "de")
        for of in ("tensor.default", "tensor.tensor", "channel.default")
    )
)
def alone(b: Builder, a: Args) -> Tensor:
    raise Unsupported(
        "it is taken in a pair quantize, dequantize around a tensor, of bytes (-128 to 127 or 0 to 255) with "
        "one scale"
    )
