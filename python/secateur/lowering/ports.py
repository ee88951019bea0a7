"""Inputs and outputs: what the dimensions of an input may mean, and the order in which an output lies.

A 3-D input may be images or tokens, a 2-D one features or tokens: nothing in its shape says. A frontend
lowers under every reading and keeps the one that moves the least data.
"""

from __future__ import annotations

from collections.abc import Sequence

from secateur.ir import DType, Port, Value, row_major
from secateur.lowering.axes import Tensor, contiguous, laid_out, merge, physical_index, whole
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import UnsupportedLayout

# Readings of an input by rank: which physical axis each dimension is. Likelier ones first: equal costs
# keep the order.
_READINGS = {
    0: ("",),
    1: ("C",),
    2: ("BC", "PC", "CP"),
    3: ("BCP", "BPC", "PPC", "CPP"),
    4: ("BCPP", "BPPC"),
    5: ("BCPPP",),
}
# A batch of vectors is run as positions when it holds at least this many: one SpMM instead of as many SpMV.
_BATCH_AS_POSITIONS = 2


def readings(shape: Sequence[int]) -> tuple[str, ...]:
    """The physical axis (B, C or P) of each dimension, as the input may be meant.

    >>> readings((1, 3, 224, 224))
    ('BCPP', 'BPPC')
    """
    if len(shape) == 2 and shape[0] >= _BATCH_AS_POSITIONS:
        return ("PC", "BC", "CP")
    return _READINGS[len(shape)]


NUMBERS = ("R",)  # the reading of an input of integers: rows, in order


def input_port(
    b: Builder, name: str, shape: tuple[int, ...], reading: str, dtype: DType = DType.F32
) -> tuple[Port, Tensor]:
    """An input of the graph under one reading."""
    if reading in NUMBERS:
        numbers = contiguous(Value(b.unique(name), row_major(*(shape or (1,)), dtype=dtype)), shape)
        return Port(name, numbers.value, shape, "channels_first"), numbers
    x = laid_out(b.unique(name), shape, reading)
    order = "channels_last" if reading[-1:] == "C" and "P" in reading else "channels_first"
    return Port(name, x.value, shape, order), x


def stand_in(b: Builder, name: str, shape: tuple[int, ...]) -> Tensor:
    """A tensor of that shape for a result that could not be had, under the likeliest reading."""
    reading = readings(shape)[0] if len(shape) in _READINGS else ("BC" + "P" * len(shape))[: len(shape)]
    return laid_out(b.unique(f"{name}.unknown"), shape, reading)


def output_port(b: Builder, x: Tensor, name: str) -> Port:
    """An output port; planes are reordered where the user's order is neither [B, C, P] nor [B, P, C]."""
    if x.row_major:
        return Port(name, b.rows(x).value, x.shape, "channels_first")
    for attempt in range(2):
        atoms = merge(atom for dim in x.dims for atom in dim)
        axes = {axis: whole(axis, x.size(axis)) for axis in "BCP"}
        if atoms == merge((*axes["B"], *axes["C"], *axes["P"])):
            return Port(name, x.value, x.shape, "channels_first")
        if atoms == merge((*axes["B"], *axes["P"], *axes["C"])):
            return Port(name, x.value, x.shape, "channels_last")
        if attempt == 0:
            holders = [i for i, dim in enumerate(x.dims) if any(a.axis == "C" for a in dim)]
            order = physical_index(a for i in holders for a in x.dims[i] if a.axis == "C")
            if all(a.axis == "C" for i in holders for a in x.dims[i]) and order.size == x.value.channels:
                x = b.channels_in(x, holders, ordered=True)
    if b.escape:
        return Port(name, b.rows(x).value, x.shape, "channels_first")
    raise UnsupportedLayout(hint="an output whose dimensions are in an order that planes do not have")
