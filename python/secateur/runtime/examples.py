"""Tiny models without a compiler, for examples and for checking an installation."""

from __future__ import annotations

import math

from secateur import _core


def relu_model(shape: tuple[int, int, int, int]) -> bytes:
    """The bytes of a model file that computes max(x, 0) of one array of that shape.

    >>> relu_model((1, 2, 1, 3))[:8]
    b'SECATEUR'
    """
    batch, channels, height, width = shape
    plane_stride, batch_stride = _core.plane_strides(*shape)
    size = math.ceil(batch * batch_stride * 4 / 64) * 64
    tensors = [
        {
            "name": name,
            "batch": batch,
            "channels": channels,
            "height": height,
            "width": width,
            "plane_stride": plane_stride,
            "batch_stride": batch_stride,
            "arena_offset": offset,
        }
        for name, offset in (("x", 0), ("y", size))
    ]
    op = {"kind": "Unary", "name": "relu", "inputs": [0], "outputs": [1], "activation": ("relu", 0.0, 0.0)}
    return _core.encode_model(
        {
            "producer": "secateur.runtime.examples",
            "name": "relu",
            "arena_bytes": 2 * size,
            "tensors": tensors,
            "ops": [op],
            "inputs": [{"name": "x", "tensor": 0, "shape": list(shape)}],
            "outputs": [{"name": "y", "tensor": 1, "shape": list(shape)}],
        }
    )
