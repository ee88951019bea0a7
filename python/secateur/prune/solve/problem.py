"""The least-squares problem of one layer, gathered from its inputs and the outputs it should have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.fx import Node

from secateur.errors import PruningError

# Rows of inputs that a Gram matrix is made of, at most: more change nothing that can be seen.
SAMPLES = 50_000
# Added to the diagonal, as a share of its mean: what keeps the problem solvable with few inputs.
DAMPING = 0.01


@dataclass
class Problem:
    """Sums over samples: inputs by inputs [groups][cols][cols], inputs by outputs, and the means.

    cross: [groups][cols][rows of the group]. With `centred` the means are taken out, since a bias or a
    batch norm behind the layer can make any constant good.
    """

    gram: Tensor
    cross: Tensor
    inputs: Tensor
    outputs: Tensor
    centred: bool

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


def rows_of(node: Node, x: Tensor, y: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Inputs [groups][samples][cols] and outputs [groups][samples][rows] of one batch, all positions.

    The columns are in the order of the weight's own: input channels, then kernel positions.
    """
    if node.target is torch.ops.aten.linear.default:
        return x.reshape(1, -1, x.shape[-1]), y.reshape(1, -1, y.shape[-1])
    weight = node.args[1]
    assert isinstance(weight, Node)
    kernel = tuple(weight.meta["val"].shape[2:])
    stride, padding, dilation = (_pair(node, i, len(kernel), d) for i, d in ((3, 1), (4, 0), (5, 1)))
    if len(kernel) == 1:
        x, y = x[:, :, None], y[:, :, None]
        kernel = (1, *kernel)
        stride, padding, dilation = (1, *stride), (0, *padding), (1, *dilation)
    if max(kernel) == 1 and max(padding) == 0:
        columns = x[:, :, :: stride[0], :: stride[1]].flatten(2)
    else:
        columns = F.unfold(x, kernel, dilation, padding, stride)
    batch, _, places = columns.shape
    columns = columns.reshape(batch, groups, -1, places).permute(1, 0, 3, 2)
    outputs = y.reshape(batch, groups, -1, places).permute(1, 0, 3, 2)
    return columns.flatten(1, 2), outputs.flatten(1, 2)


def _pair(node: Node, place: int, dims: int, default: int) -> tuple[int, ...]:
    value: Any = node.args[place] if len(node.args) > place else default
    sizes = (value,) if isinstance(value, int) else tuple(value)
    return sizes * dims if len(sizes) == 1 else sizes


def _pointwise(node: Node) -> bool:
    weight = node.args[1]
    assert isinstance(weight, Node)
    kernel = weight.meta["val"].shape[2:]
    return len(kernel) > 0 and max(kernel) == 1


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
    quota = max(1, SAMPLES // max(len(inputs), 1))
    sums: list[Tensor] = []
    count = 0
    off: tuple[Tensor, Tensor] | None = None  # the first batch's means, so that none cancels against a square
    for x, y in zip(inputs, outputs, strict=True):
        left, right = _sampled(node, x.float(), y.float(), groups, quota, generator)
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
    return Problem(gram, cross, mean_x, mean_y, centred)


def _sampled(
    node: Node, x: Tensor, y: Tensor, groups: int, quota: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """`rows_of` a batch, at most `quota` of them, at places drawn at random where there are more."""
    linear = node.target is torch.ops.aten.linear.default
    places = y[0].numel() // y.shape[-1] if linear else y[0, 0].numel()
    if places * len(x) <= quota:
        return rows_of(node, x, y, groups)
    each = max(1, quota // len(x))
    if x.shape[2:] == y.shape[2:] and x.dim() > 2 and _pointwise(node):  # the places of a batch are one draw
        chosen = torch.randperm(places, generator=generator)[:each].to(x.device)
        some = [value.flatten(2)[:, :, chosen] for value in (x, y)]
        left, right = (v.reshape(len(x), groups, -1, len(chosen)).permute(1, 0, 3, 2) for v in some)
        return left.flatten(1, 2), right.flatten(1, 2)
    parts = []
    for i in range(len(x)):
        left, right = rows_of(node, x[i : i + 1], y[i : i + 1], groups)
        chosen = torch.randperm(left.shape[1], generator=generator)[:each].to(left.device)
        parts.append((left[:, chosen], right[:, chosen]))
    return torch.cat([p[0] for p in parts], 1), torch.cat([p[1] for p in parts], 1)
