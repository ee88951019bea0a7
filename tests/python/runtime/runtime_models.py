"""Small model files, straight from `_core.encode_model`."""

from __future__ import annotations

from typing import Any

import numpy as np

from secateur import _core


class Spec:
    """Places tensors one after another and collects what `encode_model` takes."""

    def __init__(self) -> None:
        self.tensors: list[dict[str, Any]] = []
        self.ops: list[dict[str, Any]] = []
        self.inputs: list[dict[str, Any]] = []
        self.outputs: list[dict[str, Any]] = []
        self.arena_bytes = 0

    def tensor(self, batch: int, channels: int, height: int, width: int) -> int:
        plane_stride, batch_stride = _core.plane_strides(batch, channels, height, width)
        self.tensors.append(
            {
                "name": f"t{len(self.tensors)}",
                "batch": batch,
                "channels": channels,
                "height": height,
                "width": width,
                "plane_stride": plane_stride,
                "batch_stride": batch_stride,
                "arena_offset": self.arena_bytes,
            }
        )
        self.arena_bytes += -(-batch * batch_stride * 4 // 64) * 64
        return len(self.tensors) - 1

    def op(
        self,
        kind: str,
        inputs: list[int],
        output: int,
        options: dict[str, Any] | None = None,
        activation: tuple[str, float, float] = ("none", 0.0, 0.0),
    ) -> None:
        self.ops.append(
            {
                "kind": kind,
                "name": kind.lower(),
                "source": "models.py",
                "reason": "a test",
                "inputs": inputs,
                "outputs": [output],
                "activation": activation,
                "options": options or {},
            }
        )

    def port(self, ports: list[dict[str, Any]], tensor: int, shape: list[int], order: str) -> None:
        ports.append({"name": f"p{tensor}", "tensor": tensor, "shape": shape, "order": order})

    def dict(self) -> dict[str, Any]:
        return {
            "producer": "tests",
            "name": "tiny",
            "arena_bytes": self.arena_bytes,
            "tensors": self.tensors,
            "ops": self.ops,
            "inputs": self.inputs,
            "outputs": self.outputs,
        }

    def encode(self) -> bytes:
        return _core.encode_model(self.dict())


def dense_weight(matrix: np.ndarray) -> dict[str, Any]:
    rows, cols = matrix.shape
    return {
        "format": "dense",
        "rows": rows,
        "cols": cols,
        "nnz": int(np.count_nonzero(matrix)),
        "values": np.ascontiguousarray(matrix, np.float32),
    }


def csr_weight(matrix: np.ndarray) -> dict[str, Any]:
    gaps: list[int] = []
    counts: list[int] = []
    for row in matrix:
        columns = np.flatnonzero(row)
        gaps.extend(np.diff(columns, prepend=0))
        counts.append(len(columns))
    return {
        "format": "csr",
        "rows": matrix.shape[0],
        "cols": matrix.shape[1],
        "nnz": len(gaps),
        "values": np.ascontiguousarray(matrix[matrix != 0], np.float32),
        "index": np.array(gaps, np.uint8),
        "counts": np.array(counts, np.uint16),
    }


def linear_model(
    weight: dict[str, Any],
    bias: np.ndarray | None,
    batch: int = 1,
    positions: int = 1,
    order: str = "channels_last",
    activation: tuple[str, float, float] = ("none", 0.0, 0.0),
) -> bytes:
    """y = act(x W^T + bias) over [batch, positions, features] (channels_last)."""
    spec = Spec()
    rows, cols = weight["rows"], weight["cols"]
    x = spec.tensor(batch, cols, 1, positions)
    y = spec.tensor(batch, rows, 1, positions)
    spec.op("Conv", [x], y, {"weight": weight, "bias": bias}, activation)
    if order == "channels_last":
        spec.port(spec.inputs, x, [batch, positions, cols], order)
        spec.port(spec.outputs, y, [batch, positions, rows], order)
    else:
        spec.port(spec.inputs, x, [batch, cols, positions], order)
        spec.port(spec.outputs, y, [batch, rows, positions], order)
    return spec.encode()
