"""Where the largest element of a window lies, and values put back to such places (SegNet)."""

from __future__ import annotations

import numpy as np

from secateur.lowering import integers
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import two_tensors
from secateur.lowering.builder import Builder
from secateur.lowering.gather import gather
from secateur.lowering.pad import pad_dims
from secateur.lowering.pairs import arithmetic
from secateur.lowering.shape import reshape_tensor
from secateur.lowering.unsupported import Unsupported


def places(
    b: Builder,
    x: Tensor,
    kernel: list[int],
    stride: list[int],
    pad: list[int],
    dilation: list[int],
    out: list[int],
) -> Tensor:
    """``row * width + column`` of the first largest element of each window over the last two dimensions of
    [B, C, H, W], as PyTorch numbers it: without the padding. out: rows and columns of windows."""
    width = x.shape[-1]
    reach = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(out, stride, dilation, kernel, strict=True)]
    beyond = [max(r - size - p, 0) for r, size, p in zip(reach, x.shape[-2:], pad, strict=True)]
    around = {x.rank - 2 + i: (pad[i], beyond[i]) for i in range(2)}
    if any(side for sides in around.values() for side in sides):
        x = pad_dims(b, x, around, -integers.MOST)
    taps = []
    for axis, dim in enumerate((x.rank - 2, x.rank - 1)):
        at = np.arange(out[axis])[:, None] * stride[axis] + np.arange(kernel[axis]) * dilation[axis]
        x = gather(b, x, dim, at)
        taps.append(at - pad[axis])
    lead = x.shape[:-2]
    x = reshape_tensor(b, x, [*lead, out[0], kernel[0], out[1], kernel[1]])
    n = len(lead)
    x = x.with_dims((*x.dims[:n], x.dims[n], x.dims[n + 2], x.dims[n + 1], x.dims[n + 3]))
    x = reshape_tensor(b, x, [*lead, *out, kernel[0] * kernel[1]])
    chosen = integers.arg_max(b, x, -1, False)
    inside = (
        np.arange(kernel[0])[:, None] * dilation[0] * width + np.arange(kernel[1]) * dilation[1]
    ).reshape(-1)
    first = (taps[0][:, :1] * width + taps[1][:, :1].T).astype(np.float32)
    return arithmetic(b, integers.look_up(b, chosen, inside.astype(np.float32)), first, "add")


def unpool(b: Builder, x: Tensor, index: Tensor, size: list[int]) -> Tensor:
    """Each element of [.., H, W] at its place, by its number, among `size` rows and columns that are 0
    elsewhere; the places lie in windows side by side, one for each element."""
    steps = [new // old for new, old in zip(size, x.shape[-2:], strict=True)]
    if min(steps) < 1:
        raise Unsupported(f"{x.shape[-2:]} elements put back among {size}")
    rows, columns = (old * step for old, step in zip(x.shape[-2:], steps, strict=True))
    for axis, step in enumerate(steps):
        dim = x.rank - 2 + axis
        again = np.repeat(np.arange(x.shape[dim]), step)
        x, index = gather(b, x, dim, again), gather(b, index, dim, again)
    own = (np.arange(rows)[:, None] * size[1] + np.arange(columns)).astype(np.float32)
    y = two_tensors(b, x, integers.compare(b, index, own, "eq", whole=True), "mul")
    after = {
        x.rank - 2 + i: (0, n - have) for i, (n, have) in enumerate(zip(size, (rows, columns), strict=True))
    }
    return pad_dims(b, y, after, 0.0) if any(a for _, a in after.values()) else y
