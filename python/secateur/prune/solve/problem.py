"""The least-squares problem of one layer, gathered from its inputs and the outputs it should have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.fx import Node

from secateur.errors import PruningError

# Rows of inputs that a Gram matrix is made of: 64 for each of its columns, within these bounds. They are
# spread evenly over all inputs; more change nothing that can be seen.
SAMPLES = 50_000
FEWEST = 16_000
PER_COLUMN = 64
BLOCK = 4_000  # rows of one matrix product
# Added to the diagonal, as a share of its mean: what keeps the problem solvable with few inputs.
DAMPING = 0.01


@dataclass
class Problem:
    """Sums over samples: inputs by inputs [groups][cols][cols], inputs by outputs, and the means.

    cross: [groups][cols][rows of the group]. With `centred` the means are taken out, since a bias or a
    batch norm behind the layer can make any constant good. samples: how many there were.
    """

    gram: Tensor
    cross: Tensor
    inputs: Tensor
    outputs: Tensor
    centred: bool
    samples: int

    def best(self, weight: Tensor, damping: float = DAMPING) -> tuple[Tensor, Tensor]:
        """(weights [groups][rows][cols], gram): those that give the outputs best, near `weight` if unsure."""
        gram = self.damped(damping)
        pull = gram - self.gram
        right = self.cross + pull @ weight.transpose(1, 2).double()
        return torch.linalg.solve(gram, right).transpose(1, 2).to(weight.dtype), gram.to(weight.dtype)

    def damped(self, damping: float = DAMPING) -> Tensor:
        """The Gram matrices with `damping` of their mean diagonal added to it."""
        level = self.gram.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-12)
        eye = torch.eye(self.gram.shape[1], dtype=self.gram.dtype, device=self.gram.device)
        return self.gram + damping * level[:, None, None] * eye

    def shift(self, weight: Tensor) -> Tensor:
        """What makes the means of the outputs of `weight` [groups][rows][cols] right, [rows]."""
        return (self.outputs - (weight.double() @ self.inputs[:, :, None])[:, :, 0]).reshape(-1)


def positions(node: Node) -> int:
    """Output positions (pixels, tokens) of a layer for one item of a batch."""
    weight = node.args[1]
    assert isinstance(weight, Node)
    y, rows = node.meta["val"], int(weight.meta["val"].shape[0])
    return int(y.numel()) // rows // max(1, len(y))


def rows_of(
    node: Node, x: Tensor, y: Tensor, groups: int, places: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Inputs [groups][samples][cols] and outputs [groups][samples][rows] of one batch.

    places: output positions (pixels, tokens) to take of every item of the batch; all where None. The columns
    are in the order of the weight's own: input channels, then kernel positions.
    """
    if node.target is torch.ops.aten.linear.default:
        left, right = (v.reshape(1 if v.dim() == 1 else len(v), -1, v.shape[-1]) for v in (x, y))
        if places is not None:
            left, right = left[:, places], right[:, places]
        return left.reshape(1, -1, left.shape[-1]), right.reshape(1, -1, right.shape[-1])
    weight = node.args[1]
    assert isinstance(weight, Node)
    kernel = tuple(weight.meta["val"].shape[2:])
    if x.dim() == 1 + len(kernel):  # without a batch
        x, y = x[None], y[None]
    columns, taps = _patches(node, x, tuple(y.shape[2:]), kernel, places)
    outputs = y.flatten(2) if places is None else y.flatten(2)[:, :, places]
    batch, chosen = len(x), outputs.shape[2]
    columns = columns.reshape(batch, groups, -1, chosen, taps).permute(1, 0, 3, 2, 4)
    outputs = outputs.reshape(batch, groups, -1, chosen).permute(1, 0, 3, 2)
    return columns.reshape(groups, batch * chosen, -1), outputs.flatten(1, 2)


def _patches(
    node: Node, x: Tensor, out: tuple[int, ...], kernel: tuple[int, ...], places: Tensor | None
) -> tuple[Tensor, int]:
    """What the kernel sees at `places`, [batch][channels][places * taps], and the number of taps."""
    dims = len(kernel)
    stride, dilation = _numbers(node, 3, dims, 1), _numbers(node, 5, dims, 1)
    padding: Any = node.args[4] if len(node.args) > 4 else 0
    if padding == "same":
        sums = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pads = [(total // 2, total - total // 2) for total in sums]
    else:
        pads = [(p, p) for p in ((0,) * dims if padding == "valid" else _numbers(node, 4, dims, 0))]
    if max(kernel) == 1 and max(stride) == 1 and not any(map(any, pads)):
        return x.flatten(2) if places is None else x.flatten(2)[:, :, places], 1
    x = F.pad(x, [amount for pair in reversed(pads) for amount in pair])
    rest = torch.arange(math.prod(out)) if places is None else places
    at, scale, taps = torch.zeros(1, 1, dtype=torch.int64), 1, math.prod(kernel)
    tap = torch.arange(taps)
    for axis in reversed(range(dims)):
        where = (rest % out[axis] * stride[axis])[:, None] + (tap % kernel[axis] * dilation[axis])[None]
        at = at + where * scale
        rest, tap, scale = rest // out[axis], tap // kernel[axis], scale * x.shape[2 + axis]
    return x.flatten(2)[:, :, at.flatten().to(x.device)], taps


def _numbers(node: Node, place: int, dims: int, default: int) -> tuple[int, ...]:
    value: Any = node.args[place] if len(node.args) > place else default
    sizes = (value,) if isinstance(value, int) else tuple(value)
    return sizes * dims if len(sizes) == 1 else sizes


def gather(
    node: Node,
    name: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    *,
    groups: int,
    centred: bool,
    generator: torch.Generator,
) -> Problem:
    """The problem of `node` over all batches; `outputs` are those that it should have.

    Raises PruningError where the inputs are not finite.
    """
    sums: list[Tensor] = []
    count = 0
    off: tuple[Tensor, Tensor] | None = None  # the first batch's means, so that none cancels against a square
    for left, right in _blocks(node, inputs, outputs, groups, generator):
        count += left.shape[1]
        if off is None:
            off = left.mean(1, keepdim=True) * centred, right.mean(1, keepdim=True) * centred
        left, right = left - off[0], right - off[1]
        part = [left.transpose(1, 2) @ left, left.transpose(1, 2) @ right, left.sum(1), right.sum(1)]
        sums = (
            [p.double() + s for p, s in zip(part, sums, strict=True)] if sums else [p.double() for p in part]
        )
    gram, cross, mean_x, mean_y = (value / max(count, 1) for value in sums)
    if not bool(torch.isfinite(gram).all() and torch.isfinite(cross).all()):
        raise PruningError(f"layer {name!r}: the calibration inputs give NaN or infinity there")
    if centred:
        gram = gram - mean_x[:, :, None] * mean_x[:, None, :]
        cross = cross - mean_x[:, :, None] * mean_y[:, None, :]
    if off is not None:
        mean_x, mean_y = mean_x + off[0][:, 0], mean_y + off[1][:, 0]
    return Problem(gram, cross, mean_x, mean_y, centred, count)


def _blocks(
    node: Node, inputs: Sequence[Tensor], outputs: Sequence[Tensor], groups: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Samples of all batches, joined until a matrix product over them is worth its call."""
    weight = node.args[1]
    assert isinstance(weight, Node)
    cols = math.prod(weight.meta["val"].shape[1:])
    quota = max(1, min(SAMPLES, max(FEWEST, PER_COLUMN * cols)) // max(len(inputs), 1))
    held: list[tuple[Tensor, Tensor]] = []
    count = 0
    for x, y in zip(inputs, outputs, strict=True):
        part = _sampled(node, x.float(), y.float(), groups, quota, generator)
        held.append(part)
        count += part[0].shape[1]
        if count >= BLOCK:
            yield torch.cat([p[0] for p in held], 1), torch.cat([p[1] for p in held], 1)
            held, count = [], 0
    if held:
        yield torch.cat([p[0] for p in held], 1), torch.cat([p[1] for p in held], 1)


def _sampled(
    node: Node, x: Tensor, y: Tensor, groups: int, quota: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """`rows_of` a batch, at most `quota` of them: at places drawn at random, the same for all its items."""
    weight = node.args[1]
    assert isinstance(weight, Node)
    shape = weight.meta["val"].shape
    unbatched = y.dim() == (1 if len(shape) == 2 else len(shape) - 1)
    items = 1 if unbatched else len(y)
    places = y.numel() // items // int(shape[0])
    if places * items <= quota:
        return rows_of(node, x, y, groups)
    chosen = torch.randperm(places, generator=generator)[: max(1, quota // items)]
    return rows_of(node, x, y, groups, chosen.to(x.device))
