"""Arithmetic between tensors, numbers and constants, with the broadcasts that planes can express."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir import options as o
from secateur.ir.types import Array
from secateur.lowering import rows
from secateur.lowering.axes import Atom, Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.scores import Scores, arithmetic
from secateur.lowering.unsupported import Unsupported, UnsupportedForm


def linear_combination(b: Builder, left: Any, right: Any, kind: str, alpha: float) -> Tensor | Scores:
    """``left + alpha right`` or ``left - alpha right``."""
    if alpha != 1:
        right = b.binary_constant(right, "mul", number(alpha)) if isinstance(right, Tensor) else right * alpha
    return combine(b, left, right, kind)


def combine(b: Builder, left: Any, right: Any, kind: str) -> Tensor | Scores:
    if isinstance(left, Scores) or isinstance(right, Scores):
        try:
            return arithmetic(left, right, kind)
        except UnsupportedForm:
            if not b.escape:
                raise
        left, right = (rows.materialise(b, x) if isinstance(x, Scores) else x for x in (left, right))
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return two_tensors(b, left, right, kind)
    reverse = not isinstance(left, Tensor)
    x, constant = (right, left) if reverse else (left, right)
    assert isinstance(x, Tensor)
    if isinstance(constant, np.ndarray) and constant.ndim > x.rank:
        x = x.with_dims(((),) * (constant.ndim - x.rank) + x.dims)
    reverse = reverse and kind in ("sub", "div")
    if not isinstance(constant, np.ndarray):
        return b.binary_constant(x, kind, number(constant), reverse)
    if x.row_major and constant.size > 1:
        return rows.broadcast(b, x, constant, kind, reverse)
    try:
        values = arrange(constant, x)
    except Unsupported:
        if not b.escape:
            raise
        return rows.broadcast(b, x, constant, kind, reverse)
    return b.binary_constant(x, kind, values, reverse)


def number(value: float) -> Array:
    return np.array([value], np.float32)


def arrange(constant: NDArray[Any], x: Tensor) -> Array:
    """A constant broadcast against x, as planes hold it: one value, one per channel, or one per element."""
    try:
        full = np.broadcast_to(np.asarray(constant, np.float32), x.shape)
    except ValueError:
        raise Unsupported(f"a constant of shape {constant.shape} enlarges {x.shape}") from None
    if constant.size == 1:
        return np.array(full.reshape(-1)[:1])
    atoms = [atom for dim in x.dims for atom in dim]
    order = sorted(range(len(atoms)), key=lambda i: ("BCP".index(atoms[i].axis), -atoms[i].stride))
    planes = full.reshape([atom.size for atom in atoms]).transpose(order)
    planes = planes.reshape(x.value.batch, x.value.channels, x.value.positions)
    if (planes != planes[:1]).any():
        raise Unsupported("a constant that differs between batch items")
    values: Array = planes[0]
    if (values == values[0, 0]).all():
        return np.array(values[0, :1])
    return np.array(values[:, 0] if (values == values[:, :1]).all() else values.reshape(-1))


def two_tensors(b: Builder, x: Tensor, y: Tensor, kind: str) -> Tensor:
    """x op y, either of which may be a factor per channel (``[B, C, 1, 1]``) or one plane for all
    channels."""
    rank = max(x.rank, y.rank)
    x = x.with_dims(((),) * (rank - x.rank) + x.dims)
    y = y.with_dims(((),) * (rank - y.rank) + y.dims)
    shape = tuple(max(s, t) for s, t in zip(x.shape, y.shape, strict=True))
    reverse = x.shape != shape
    if reverse:
        x, y = y, x
    if x.row_major or y.row_major or (b.escape and x.shape != shape):
        return rows.broadcast(b, x, y, kind, reverse and kind in ("sub", "div"))
    if x.shape != shape:
        raise Unsupported("two operands that enlarge each other")
    options = o.BinaryOptions(kind, None, reverse and kind in ("sub", "div"))
    for placed in _placements(b, x, y):
        value = b.emit("Binary", [x.value, placed], x.value.shape, options)
        return Tensor(value, x.dims)
    why = "the operands are stored in different orders"
    return rows.broadcast(b, x, y, kind, options.reversed, why)


def _placements(b: Builder, x: Tensor, y: Tensor) -> Any:
    """The second operand as a value that Binary takes beside x, if there is one."""
    if _fits(x, y):
        yield y.value
        return
    swapped = tuple(tuple(_swap(a) for a in dim) for dim in y.dims)
    probe = Tensor(_Swapped(y.value), swapped)  # type: ignore[arg-type]
    if _fits(x, probe):
        yield b.transpose(y).value
        return
    if y.value.channels == 1 and y.value.positions == x.value.positions and y.value.batch == x.value.batch:
        # one plane for all channels: copied to each by a convolution with ones
        same = all(yd in (xd, ()) for xd, yd in zip(x.dims, y.dims, strict=True))
        if same:
            weight = np.ones((x.value.channels, 1), np.float32)
            v = y.value
            yield b.emit(
                "Conv", [v], (v.batch, x.value.channels, v.height, v.width), o.ConvOptions(weight=weight)
            )


class _Swapped:
    """What `transpose` would make of a value, without making it."""

    def __init__(self, value: Any) -> None:
        self.batch, self.channels, self.positions = value.batch, value.positions, value.channels


def _swap(atom: Any) -> Any:
    return Atom({"B": "B", "C": "P", "P": "C"}[atom.axis], atom.size, atom.stride)


def _fits(x: Tensor, y: Tensor) -> bool:
    v, w = x.value, y.value
    if x.dims == y.dims and (v.batch, v.channels, v.positions) == (w.batch, w.channels, w.positions):
        return True
    if w.positions != 1 or w.channels != v.channels or w.batch not in (1, v.batch):
        return False
    for big, small in zip(x.dims, y.dims, strict=True):
        absent = small == () and all(a.axis == "P" or (a.axis == "B" and w.batch == 1) for a in big)
        if big != small and not absent:
            return False
    return True


def negative(b: Builder, x: Tensor) -> Tensor:
    return b.binary_constant(x, "mul", number(-1))


def reciprocal(b: Builder, x: Tensor) -> Tensor:
    return b.binary_constant(x, "div", number(1), True)
