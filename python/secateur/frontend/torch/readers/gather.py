"""Elements chosen by constant indices: flips, rolls, index_select."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import gather as lowering
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


@reads("index.Tensor")
def index(b: Builder, a: Args) -> Tensor:
    """``x[:, index]``: one constant index, of one dimension."""
    x, given = a.tensor("self"), a.list_of_constants("indices")
    at = [i for i, chosen in enumerate(given) if chosen is not None]
    if len(at) != 1:
        raise Unsupported("an index of several dimensions at once")
    chosen = given[at[0]]
    assert chosen is not None
    if chosen.ndim != 1 or chosen.dtype == bool:
        raise Unsupported(f"an index of {chosen.ndim} dimensions, or a mask")
    return lowering.gather(b, x, at[0], chosen)
