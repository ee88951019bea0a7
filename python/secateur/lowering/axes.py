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

from secateur.ir import Layout, Value, planes


@dataclass(frozen=True)
class Atom:
    """`size` steps of `stride` elements along one physical axis."""

    axis: str  # B, C or P of planes; R of a row-major tensor: all its elements
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

    @property
    def row_major(self) -> bool:
        return self.value.type.layout is Layout.ROW_MAJOR

    def size(self, axis: str) -> int:
        if axis == "R":
            return self.value.type.size
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


def contiguous(value: Value, shape: Sequence[int] | None = None) -> Tensor:
    """A row-major value under its own shape, or under another of as many elements."""
    dims: list[Dim] = []
    stride = 1
    for size in reversed(value.shape if shape is None else shape):
        dims.append(merge([Atom("R", size, stride)]))
        stride *= size
    return Tensor(value, tuple(reversed(dims)))


def laid_out(name: str, shape: Sequence[int], reading: str) -> Tensor:
    """A new planes value for a tensor of that shape; `reading` is the axis (B, C or P) of each dimension.

    >>> laid_out("x", (2, 7, 12), "BPC").value.type
    TensorType(2x12x1x7)
    """
    sizes = dict.fromkeys("BCP", 1)
    dims: list[Dim] = [()] * len(shape)
    for i in reversed(range(len(shape))):
        axis = reading[i]
        dims[i] = merge([Atom(axis, shape[i], sizes[axis])])
        sizes[axis] *= shape[i]
    spatial = [size for size, axis in zip(shape, reading, strict=True) if axis == "P"]
    *outer, width = (1, *spatial)
    height = math.prod(outer)
    return Tensor(Value(name, planes(sizes["B"], sizes["C"], height, width)), tuple(dims))


def permutation(x: Tensor, order: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(shape, order) of the permutation that puts the elements of x into the order of these dimensions.

    >>> x = laid_out("x", (2, 7, 12), "BPC")
    >>> permutation(x, [0, 1, 2])
    ((2, 12, 7), (0, 2, 1))
    """
    atoms = [atom for i in order for atom in x.dims[i]]
    rank = {id: at for at, id in enumerate(sorted(range(len(atoms)), key=lambda i: _place(atoms[i])))}
    runs: list[list[int]] = []  # ranks of atoms that stay neighbours
    for i in range(len(atoms)):
        if runs and rank[i] == runs[-1][-1] + 1:
            runs[-1].append(rank[i])
        else:
            runs.append([rank[i]])
    stored = sorted(runs)
    size = {rank[i]: atom.size for i, atom in enumerate(atoms)}
    shape = tuple(math.prod(size[r] for r in run) for run in stored)
    return shape or (1,), tuple(stored.index(run) for run in runs) or (0,)


def _place(atom: Atom) -> tuple[int, int]:
    return "BCPR".index(atom.axis), -atom.stride


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
    if tensor.row_major:
        index = np.zeros((1,) * tensor.rank, np.int64)
        for position, dim in enumerate(tensor.dims):
            shape = [1] * tensor.rank
            shape[position] = extent(dim)
            index = index + physical_index(dim).reshape(shape)
        return np.asarray(array.reshape(-1)[index])
    flat = array.reshape(tensor.size("B"), tensor.size("C"), tensor.size("P"))
    places = {axis: np.zeros((1,) * tensor.rank, np.int64) for axis in "BCP"}
    for position, dim in enumerate(tensor.dims):
        for axis in "BCP":
            run = np.zeros(1, np.int64)
            for atom in dim:
                step = np.arange(atom.size) * (atom.stride if atom.axis == axis else 0)
                run = (run[:, None] + step).reshape(-1)
            shape = [1] * tensor.rank
            shape[position] = run.size
            places[axis] = places[axis] + run.reshape(shape)
    return np.asarray(flat[places["B"], places["C"], places["P"]])
