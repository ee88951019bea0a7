"""What a computed mask chooses, ``x[mask]``: how many elements that are, its values say, at run time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from secateur.lowering import integers
from secateur.lowering.axes import Tensor
from secateur.lowering.binary import combine, number
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce

ELSEWHERE = "a selection by truth values: how many elements it has, the values say"


@dataclass(frozen=True)
class Masked:
    """All of a tensor, and which of it was chosen: a mask over its first dimensions."""

    tensor: Tensor
    mask: Tensor

    @property
    def spread(self) -> Tensor:
        """The mask with as many dimensions as the tensor."""
        mask = self.mask
        return mask.with_dims((*mask.dims, *[()] * (self.tensor.rank - mask.rank)))


def put_back(b: Builder, x: Any, values: Masked) -> Tensor:
    """``x[mask] = values``, chosen by the same mask."""
    return integers.select(b, values.spread, values.tensor, x)


def reduced(b: Builder, x: Masked, kind: str) -> Tensor:
    """The sum or the mean of all that was chosen."""
    chosen = combine(b, x.tensor, x.spread, "mul")
    assert isinstance(chosen, Tensor)
    total = reduce(b, chosen, [], False, "sum")
    if kind == "sum":
        return total
    count = reduce(b, x.mask, [], False, "sum")
    each = math.prod(x.tensor.shape[x.mask.rank :])
    share = combine(b, total, b.binary_constant(count, "mul", number(each)), "div")
    assert isinstance(share, Tensor)
    return share
