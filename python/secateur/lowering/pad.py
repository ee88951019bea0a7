"""Constant padding of logical dimensions."""

from __future__ import annotations

from secateur.ir import options as o
from secateur.lowering import rows
from secateur.lowering.axes import Atom, Dims, Tensor, resize
from secateur.lowering.builder import Builder
from secateur.lowering.select import grid_for, on_rows_or_columns, take
from secateur.lowering.unsupported import UnsupportedLayout


def pad_dims(b: Builder, x: Tensor, pads: dict[int, tuple[int, int]], fill: float) -> Tensor:
    """Constant padding of logical dims; negative amounts cut."""
    for dim, (before, after) in list(pads.items()):
        if before < 0 or after < 0:
            start, end = max(-before, 0), x.shape[dim] - max(-after, 0)
            x = take(b, x, dim, start, end - start)
            pads[dim] = (max(before, 0), max(after, 0))
    pads = {dim: amount for dim, amount in pads.items() if any(amount)}
    if not pads:
        return x
    if x.row_major or (b.escape and not _pads_in_planes(x, pads)):
        return rows.pad(b, x, pads, fill)
    channel, above, columns = (0, 0), (0, 0), (0, 0)
    changes: list[tuple[int, Atom, int]] = []
    for dim, (before, after) in pads.items():
        atom = _pad_atom(x, dim)
        if atom.axis == "P" and atom.size > 1:
            x = grid_for(b, x, atom)
        total = atom.size + before + after
        if atom.axis == "C" and atom.size * atom.stride == x.value.channels:
            channel = (before * atom.stride, after * atom.stride)
        elif atom.axis == "P" and atom.stride == 1 and atom.size == x.value.width:
            columns = (before, after)
        elif atom.axis == "P" and (atom.size, atom.stride) == (x.value.height, x.value.width):
            above = (before, after)
        else:
            return rows.pad(b, x, pads, fill, "padding of part of an axis")
        changes.append((dim, atom, total))
    v = x.value
    shape = (v.batch, v.channels + sum(channel), v.height + sum(above), v.width + sum(columns))
    value = b.emit("Pad", [v], shape, o.PadOptions(channel[0], above[0], columns[0], fill))
    dims: Dims = x.dims
    for dim, atom, total in sorted(changes, key=lambda change: change[1].stride, reverse=True):
        if atom.size > 1:
            dims = resize(dims, atom, total)
        else:
            dims = (*dims[:dim], (Atom(atom.axis, total, atom.stride),), *dims[dim + 1 :])
    return Tensor(value, dims)


def _pads_in_planes(x: Tensor, pads: dict[int, tuple[int, int]]) -> bool:
    for dim in pads:
        if len(x.dims[dim]) > 1 or (not x.dims[dim] and x.value.channels > 1 and x.value.positions > 1):
            return False
        if x.dims[dim] and x.dims[dim][0].axis == "P" and not on_rows_or_columns(x, x.dims[dim][0]):
            return False
    return True


def _pad_atom(x: Tensor, dim: int) -> Atom:
    if len(x.dims[dim]) == 1:
        return x.dims[dim][0]
    if len(x.dims[dim]) > 1 or (x.value.channels > 1 and x.value.positions > 1):
        raise UnsupportedLayout("padding across several axes")
    return Atom("C", 1) if x.value.channels == 1 else Atom("P", 1)
