"""How ONNX says where windows lie: pads at both ends, or `auto_pad`."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.frontend.onnx.registry import Args
from secateur.lowering.unsupported import Unsupported

Pads = list[tuple[int, int]]


def kernel_of(a: Args, shape: Sequence[int]) -> list[int]:
    """The window's extent, which a weight says where the attribute does not."""
    return a.ints("kernel_shape") or [int(size) for size in shape]


def pads_of(
    a: Args, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Pads:
    """(before, after) of each spatial dimension of these sizes."""
    mode = a.text("auto_pad", "NOTSET")
    rank = len(kernel)
    if mode == "NOTSET":
        pads = a.ints("pads", [0] * 2 * rank) or []
        return list(zip(pads[:rank], pads[rank:], strict=True))
    if mode == "VALID":
        return [(0, 0)] * rank
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise Unsupported(f"auto_pad {mode!r}")
    same: Pads = []
    for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        less, more = total // 2, total - total // 2
        same.append((less, more) if mode == "SAME_UPPER" else (more, less))
    return same
