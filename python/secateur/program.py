"""A compiled network: its layers, what the compiler did, and the bytes of its model file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from secateur.emit import Emitted
from secateur.files import save_atomically
from secateur.ir import Graph, Op, macs
from secateur.text import printable

if TYPE_CHECKING:
    from secateur.runtime import Session


@dataclass(frozen=True)
class LayerInfo:
    """One operator of the compiled network.

    `sparsity` is the fraction of zeros of its weights, `bytes` what they take in the file (indices
    included) and `dense_bytes` what they would take as float32; `macs` counts nonzeros only. Operators
    without weights have `format` "" and zeros. `dtype` is what the operator computes with, "i8", "f16" or
    "f32", `weight_dtype` how its weights are stored; `reason` says why, and why in that format.
    """

    name: str
    op: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    format: str = ""
    weight_shape: tuple[int, ...] = ()
    sparsity: float = 0.0
    nnz: int = 0
    bytes: int = 0
    dense_bytes: int = 0
    macs: int = 0
    dense_macs: int = 0
    activation: str = "none"
    reason: str = ""
    source: str = ""
    dtype: str = "f32"
    weight_dtype: str = ""


_WEIGHTS = {"float32": "f32", "float16": "f16", "int8": "i8"}


def _bytes(op: Op) -> int:
    """Of a dense weight and its scales; 0 without."""
    parts = (getattr(op.options, name, None) for name in ("weight", "scales"))
    return sum(part.nbytes for part in parts if part is not None)


def describe(graph: Graph, emitted: Emitted) -> list[LayerInfo]:
    """A row per operator, in execution order."""
    rows = []
    for op in graph.ops:
        weight = getattr(op.options, "weight", None)
        nnz = 0 if weight is None else int(np.count_nonzero(weight))
        size = 0 if weight is None else int(weight.size)
        stored = emitted.weights.get(op.name)
        dense_macs = macs(op)
        if hasattr(op.options, "storage"):
            storage = str(op.options.storage)
        else:
            storage = "" if weight is None else "dense"
        rows.append(
            LayerInfo(
                name=op.name,
                op=op.kind,
                input_shape=op.inputs[0].shape,
                output_shape=op.output.shape,
                format=storage,
                weight_shape=() if weight is None else tuple(weight.shape),
                sparsity=1 - nnz / size if size else 0.0,
                nnz=nnz,
                bytes=_bytes(op) if stored is None else stored.bytes,
                dense_bytes=4 * size,
                macs=dense_macs * nnz // size if size else dense_macs,
                dense_macs=dense_macs,
                activation=str(op.activation),
                reason=op.reason,
                source=op.source,
                dtype=str(op.inputs[0].type.dtype),
                weight_dtype="" if weight is None else _WEIGHTS[weight.dtype.name],
            )
        )
    return rows


class Program:
    """What `secateur.compile` returns.

    `layers`: a `LayerInfo` per operator; `report`: a sentence per pass that changed something; `graph`: the
    optimised graph; `metadata`: what `compile` was told of the model; `arena_bytes` and `unshared_bytes`:
    memory for activations, with and without sharing.
    """

    def __init__(self, graph: Graph, emitted: Emitted, report: list[str]) -> None:
        self.graph = graph
        self.name = graph.name
        self.metadata = graph.metadata
        self.report = report
        self.layers = describe(graph, emitted)
        self.arena_bytes = emitted.plan.peak
        self.unshared_bytes = emitted.plan.total
        self._data = emitted.data

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        return {port.name: port.shape for port in self.graph.user_inputs}

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        return {port.name: port.shape for port in self.graph.user_outputs}

    @property
    def file_bytes(self) -> int:
        return len(self._data)

    @property
    def sparsity(self) -> float:
        """Fraction of zeros over all weights."""
        total = sum(layer.dense_bytes // 4 for layer in self.layers)
        return 1 - sum(layer.nnz for layer in self.layers) / total if total else 0.0

    def to_bytes(self) -> bytes:
        """The model file."""
        return self._data

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model file whole or not at all; raises SaveError and leaves what stood there."""
        save_atomically(path, self._data)

    def session(self, threads: int = 1) -> Session:
        """Opens the program in the runtime of this machine."""
        from secateur.runtime import Session

        return Session(self, threads=threads)

    def __repr__(self) -> str:
        return (
            f"<secateur.Program {self.name!r}: {len(self.layers)} operators, {self.file_bytes} bytes, "
            f"{self.sparsity:.1%} zeros>"
        )

    def __str__(self) -> str:
        names = [printable(layer.name) for layer in self.layers]
        width = max(map(len, names), default=0)
        lines = [repr(self)]
        for name, layer in zip(names, self.layers, strict=True):
            form = f"{layer.format} {layer.sparsity:.1%} zeros" if layer.format else ""
            if layer.dtype != "f32":
                form = f"{layer.dtype} {form}".rstrip()
            elif layer.weight_dtype in ("i8", "f16"):
                form = f"{form}, {layer.weight_dtype} weights"
            shape = "x".join(map(str, layer.output_shape))
            lines.append(f"  {name:{width}}  {layer.op:10}  {shape:>16}  {form}")
        return "\n".join(lines)
