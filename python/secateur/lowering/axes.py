"""Axis maps: what lets view, permute, transpose, squeeze and flatten cost nothing.

A graph value is stored as planes: three physical axes, B (batch), C (channels) and P (positions, rows by
columns). A logical dimension of a torch tensor is a tuple of *atoms*, outermost first; an atom is a
strided run of one physical axis. ``[B, T, F]`` tokens viewed as ``[B, T, heads, d]`` are

    (B) (P) (C: size heads, stride d) (C: size d, stride 1)

and transposing or merging dimensions only rearranges these tuples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.ir import Value


@dataclass(frozen=True)
class Atom:
    """`size` steps of `stride` elements along one physical axis."""

    axis: str  # B, C or P
    size: int
    stride: int = 1


Dim = tuple[Atom, ...]
Dims = tuple[Dim, ...]


def extent(dim: Iterable[Atom]) -> int:
    return math.prod(atom.size for atom in dim)


def merge(atoms: Iterable[Atom]) -> Dim:
    """Atoms of size 1 dropped, neighbours that continue each other joined.

    >>> merge([Atom("C", 4, 8), Atom("P", 1), Atom("C", 8, 1)])
    (Atom(axis='C', size=32, stride=1),)
    """
    out: list[Atom] = []
    for atom in atoms:
        if atom.size == 1:
            continue
        if out and out[-1].axis == atom.axis and out[-1].stride == atom.size * atom.stride:
            out[-1] = Atom(atom.axis, out[-1].size * atom.size, atom.stride)
        else:
            out.append(atom)
    return tuple(out)


def whole(axis: str, size: int) -> Dim:
    """A dimension that is all of an axis, in order."""
    return merge([Atom(axis, size)])


def regroup(dims: Dims, shape: Sequence[int]) -> Dims | None:
    """The dims of a reshape, or None where it would cut an atom at a place that is not a factor of it.

    >>> regroup((whole("P", 6), whole("C", 8)), [6, 2, 4])[1]
    (Atom(axis='C', size=2, stride=4),)
    """
    atoms = list(reversed(merge(atom for dim in dims for atom in dim)))  # a stack: outermost on top
    out: list[Dim] = []
    for size in shape:
        dim: list[Atom] = []
        need = size
        while need > 1:
            if not atoms:
                return None
            atom = atoms.pop()
            if need % atom.size == 0:
                dim.append(atom)
                need //= atom.size
            elif atom.size % need == 0:
                inner = atom.size // need
                dim.append(Atom(atom.axis, need, atom.stride * inner))
                atoms.append(Atom(atom.axis, inner, atom.stride))
                need = 1
            else:
                return None
        out.append(merge(dim))
    return tuple(out) if not atoms else None


def physical_index(atoms: Iterable[Atom]) -> NDArray[np.int64]:
    """Logical index along a dimension -> index along its (one) physical axis.

    >>> physical_index([Atom("C", 2, 1), Atom("C", 3, 2)]).tolist()
    [0, 2, 4, 1, 3, 5]
    """
    index = np.zeros(1, np.int64)
    for atom in atoms:
        index = (index[:, None] + np.arange(atom.size) * atom.stride).reshape(-1)
    return index


@dataclass(frozen=True)
class Tensor:
    """A torch tensor: a graph value and the axis map of its dimensions."""

    value: Value
    dims: Dims

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(extent(dim) for dim in self.dims)

    @property
    def rank(self) -> int:
        return len(self.dims)

    def size(self, axis: str) -> int:
        return {"B": self.value.batch, "C": self.value.channels, "P": self.value.positions}[axis]

    def covers(self, dim: Iterable[Atom], axis: str) -> bool:
        """The dimension is all of that axis, in any order."""
        atoms = merge(dim)
        return all(a.axis == axis for a in atoms) and extent(atoms) == self.size(axis)

    def is_whole(self, dim: Iterable[Atom], axis: str) -> bool:
        """The dimension is all of that axis, in order."""
        return merge(dim) == whole(axis, self.size(axis))

    def with_dims(self, dims: Iterable[Iterable[Atom]]) -> Tensor:
        return Tensor(self.value, tuple(merge(dim) for dim in dims))

    def replace(self, index: int, dim: Dim) -> Tensor:
        dims = list(self.dims)
        dims[index] = dim
        return self.with_dims(dims)


def resize(dims: Dims, old: Atom, new_size: int) -> Dims:
    """The dims after the extent of one atom changed; strides outside it on the same axis follow.

    An atom that comes to size 1 vanishes; one of size 1 (absent) cannot be resized with this.
    """
    below = old.size * old.stride

    def moved(atom: Atom) -> Atom:
        if atom == old:
            return Atom(atom.axis, new_size, atom.stride)
        if atom.axis == old.axis and atom.stride >= below:
            return Atom(atom.axis, atom.size, atom.stride // old.size * new_size)
        return atom

    return tuple(merge(moved(atom) for atom in dim) for dim in dims)


def to_logical(array: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Planes data ``[B, C, H, W]`` of a tensor's value -> its torch shape (for tests and bisecting)."""
    flat = array.reshape(tensor.size("B"), tensor.size("C"), tensor.size("P"))
    index = {axis: np.zeros((1,) * tensor.rank, np.int64) for axis in "BCP"}
    for position, dim in enumerate(tensor.dims):
        for axis in "BCP":
            run = np.zeros(1, np.int64)
            for atom in dim:
                step = np.arange(atom.size) * (atom.stride if atom.axis == axis else 0)
                run = (run[:, None] + step).reshape(-1)
            shape = [1] * tensor.rank
            shape[position] = run.size
            index[axis] = index[axis] + run.reshape(shape)
    return np.asarray(flat[index["B"], index["C"], index["P"]])
