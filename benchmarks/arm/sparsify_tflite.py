#!/usr/bin/env python3
"""Rewrites a float TFLite model so that LiteRT's XNNPACK takes its sparse path.

    sparsify_tflite.py IN.tflite OUT.tflite

XNNPACK infers sparsely only where weights are sparse tensors behind a DENSIFY, padding is explicit,
and one cluster of operators runs from a 3x3 stride-2 convolution on three channels to a mean over
height and width (its subgraph.c, "sparse inference"). So:

1. weights of 1x1 convolutions that are at least two thirds zeros become CSR tensors behind DENSIFY;
2. SAME padding of stride-1 depthwise convolutions becomes PAD and VALID;
3. a mean over the last two dimensions of a transposed tensor becomes one over height and width.

The arithmetic does not change; compare the outputs of both files before counting anything. Needs
ai-edge-litert (2.3) and flatbuffers.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

BUILTIN = schema.BuiltinOperator
MINIMUM_SPARSITY = 2 / 3  # XNNPACK's own threshold


class Rewriter:
    """A TFLite model in memory, its first subgraph being rewritten."""

    def __init__(self, content: bytes) -> None:
        self.model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        self.graph = self.model.subgraphs[0]
        self.done: Counter[str] = Counter()

    def rewrite(self) -> None:
        producers = {tensor: op for op in self.graph.operators for tensor in op.outputs}
        operators: list[Any] = []
        for op in self.graph.operators:
            kind = self.kind(op)
            if kind == BUILTIN.CONV_2D:
                operators += self.sparsify_pointwise(op)
            elif kind == BUILTIN.DEPTHWISE_CONV_2D:
                operators += self.pad_explicitly(op)
            elif kind == BUILTIN.MEAN and op.inputs[0] in producers:
                before = producers[op.inputs[0]]
                if self.kind(before) == BUILTIN.TRANSPOSE:
                    op.inputs = [before.inputs[0], self.tensor("mean axes", np.array([1, 2], np.int32))]
                    operators.remove(before)
                    self.done["mean over height and width"] += 1
            operators.append(op)
        self.graph.operators = operators

    def sparsify_pointwise(self, op: Any) -> list[Any]:
        """Puts a 1x1 convolution's weight behind DENSIFY where it is sparse enough."""
        weight = self.graph.tensors[op.inputs[1]]
        if list(weight.shape[1:3]) != [1, 1]:
            return []
        buffer = self.model.buffers[weight.buffer]
        values = np.frombuffer(bytes(buffer.data), np.float32).reshape(weight.shape)
        if np.mean(values == 0) < MINIMUM_SPARSITY:
            return []
        name = weight.name.decode()
        stored = self.tensor(f"{name}/csr", values[values != 0], shape=values.shape)
        self.graph.tensors[stored].sparsity = _csr(values)
        dense = self.tensor(f"{name}/dense", None, shape=values.shape)
        op.inputs = [op.inputs[0], dense, op.inputs[2]]
        self.done["sparse 1x1 convolution"] += 1
        options = schema.DensifyOptionsT()
        return [
            self.operator(BUILTIN.DENSIFY, [stored], [dense], options, schema.BuiltinOptions.DensifyOptions)
        ]

    def pad_explicitly(self, op: Any) -> list[Any]:
        """Moves the SAME padding of a stride-1 depthwise convolution into a PAD before it."""
        options = op.builtinOptions
        if options.padding != schema.Padding.SAME or options.strideH != 1:
            return []
        x = self.graph.tensors[op.inputs[0]]
        _, kernel_h, kernel_w, _ = self.graph.tensors[op.inputs[1]].shape
        n, h, w, c = x.shape
        around_h, around_w = kernel_h // 2, kernel_w // 2
        pads = np.array([[0, 0], [around_h, around_h], [around_w, around_w], [0, 0]], np.int32)
        padded = self.tensor(
            f"{x.name.decode()}/padded", None, shape=(n, h + 2 * around_h, w + 2 * around_w, c)
        )
        inputs = [op.inputs[0], self.tensor("pads", pads)]
        op.inputs = [padded, *op.inputs[1:]]
        options.padding = schema.Padding.VALID
        self.done["explicit padding"] += 1
        return [
            self.operator(
                BUILTIN.PAD, inputs, [padded], schema.PadOptionsT(), schema.BuiltinOptions.PadOptions
            )
        ]

    def kind(self, op: Any) -> int:
        code = self.model.operatorCodes[op.opcodeIndex]
        return max(code.builtinCode, code.deprecatedBuiltinCode)

    def tensor(self, name: str, values: np.ndarray | None, *, shape: tuple[int, ...] | None = None) -> int:
        """Adds a tensor, constant where it has values; returns its number."""
        made = schema.TensorT()
        made.name = name.encode()
        made.shape = list(values.shape if shape is None and values is not None else shape or ())
        integer = values is not None and values.dtype == np.int32
        made.type = schema.TensorType.INT32 if integer else schema.TensorType.FLOAT32
        made.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            made.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def operator(
        self, builtin: int, inputs: list[int], outputs: list[int], options: Any, options_type: int
    ) -> Any:
        op = schema.OperatorT()
        op.opcodeIndex = self.opcode(builtin)
        op.inputs, op.outputs = inputs, outputs
        op.builtinOptions, op.builtinOptionsType = options, options_type
        return op

    def opcode(self, builtin: int) -> int:
        for index, code in enumerate(self.model.operatorCodes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
                return index
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def pack(self) -> bytes:
        builder = flatbuffers.Builder(1 << 24)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _csr(values: np.ndarray) -> Any:
    """TFLite's description of a [rows, 1, 1, columns] weight stored row by row without its zeros."""
    rows = values.reshape(values.shape[0], -1)
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = [0, 1, 2, 3]
    sparsity.dimMetadata = []
    for size in values.shape[:3]:
        dense = schema.DimensionMetadataT()
        dense.format, dense.denseSize = schema.DimensionType.DENSE, size
        sparsity.dimMetadata.append(dense)
    segments, indices = schema.Int32VectorT(), schema.Int32VectorT()
    segments.values = [0, *np.cumsum((rows != 0).sum(1)).tolist()]
    indices.values = np.nonzero(rows)[1].tolist()
    sparse = schema.DimensionMetadataT()
    sparse.format, sparse.denseSize = schema.DimensionType.SPARSE_CSR, 0
    sparse.arraySegments, sparse.arraySegmentsType = segments, schema.SparseIndexVector.Int32Vector
    sparse.arrayIndices, sparse.arrayIndicesType = indices, schema.SparseIndexVector.Int32Vector
    sparsity.dimMetadata.append(sparse)
    return sparsity


def sparsify(source: Path, target: Path) -> dict[str, int]:
    """Rewrites one file; returns how often each rewrite was made."""
    rewriter = Rewriter(source.read_bytes())
    rewriter.rewrite()
    target.write_bytes(rewriter.pack())
    return dict(rewriter.done)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    for rewrite, times in sparsify(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(f"{times} x {rewrite}")
