"""Elements chosen by indices: flips, rolls, gathers."""

from __future__ import annotations

import torch

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import gather as lowering
from secateur.lowering import integers
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


@reads("flip.default")
def flip(b: Builder, a: Args) -> Tensor:
    return lowering.flip(b, a.tensor("self"), a.ints("dims"))


@reads("roll.default")
def roll(b: Builder, a: Args) -> Tensor:
    return lowering.roll(b, a.tensor("self"), a.ints("shifts"), a.ints("dims"))


@reads("index_select.default")
def index_select(b: Builder, a: Args) -> Tensor:
    return lowering.gather(b, a.tensor("self"), int(a.get("dim")), a.const("index"))


@reads("gather.default")
def gather(b: Builder, a: Args) -> Tensor | torch.Tensor:
    """Of a constant that varies along one dimension alone by a computed index, or of a computed tensor by an
    index that is a constant along all other dimensions."""
    dim = int(a.get("dim"))
    if not a.computed("self"):
        table, index = a.const("self"), a.whole("index")
        row = integers.row_of(table, dim)
        if row is None:
            raise Unsupported("a computed index of a constant of several dimensions")
        if (row == row[0]).all():  # whatever the index says
            return torch.full(index.shape, row[0].item(), dtype=a.dtype("self"))
        return integers.look_up(b, index, row)
    x = a.tensor("self")
    chosen = integers.row_of(a.const("index"), dim)
    others = [size for d, size in enumerate(x.shape) if d != dim % x.rank]
    given = [size for d, size in enumerate(a.const("index").shape) if d != dim % x.rank]
    if chosen is None or others != given:
        raise Unsupported("an index that differs along other dimensions")
    return lowering.gather(b, x, dim, chosen)


@reads("index.Tensor")
def index(b: Builder, a: Args) -> Tensor:
    """``x[i, :, j]``: constant indices of a computed tensor; a computed one of a constant's first dimension;
    of a computed tensor's leading dimensions constants that count them and one computed."""
    given = a.list_of("indices")
    if not a.computed("self"):
        if len(given) != 1 or not isinstance(given[0], Tensor):
            raise Unsupported("a constant indexed by more than one computed tensor")
        return integers.look_up(b, a.wholes("indices")[0], a.const("self"))
    x = a.tensor("self")
    if isinstance(given[-1], Tensor) and all(g is not None for g in given):
        return integers.pick_counted(b, x, given[:-1], given[-1])
    if any(isinstance(g, Tensor) for g in given):
        raise Unsupported("an index that is computed")
    return lowering.index(b, x, given)
