"""Layers to measure without a network at hand: model files of one convolution each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from secateur import _core


@dataclass(frozen=True)
class Shape:
    """A square convolution, padded to keep its size."""

    channels: int
    out: int
    size: int
    kernel: int = 1
    stride: int = 1

    @property
    def out_size(self) -> int:
        return (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1


# Of the networks that people prune: early layers of few channels to late ones of many, 1x1 and 3x3.
SHAPES = (
    Shape(32, 64, 112),
    Shape(64, 64, 56),
    Shape(64, 256, 56),
    Shape(24, 144, 56),
    Shape(128, 128, 28),
    Shape(128, 512, 28),
    Shape(256, 256, 14),
    Shape(1024, 256, 14),
    Shape(512, 512, 14),
    Shape(512, 1024, 7),
    Shape(160, 960, 7),
    Shape(64, 64, 56, 3),
    Shape(128, 128, 28, 3),
    Shape(256, 256, 14, 3),
    Shape(512, 512, 7, 3),
    Shape(128, 128, 56, 3, 2),
    Shape(1024, 1000, 1),
)
DENSITIES = (1.0, 0.3, 0.2, 0.1, 0.05)


def layer_model(shape: Shape, density: float, seed: int = 0) -> bytes:
    """A model file of one layer, `density` of whose weights, anywhere, are not zero: dense, or else CSR.

    >>> layer_model(Shape(4, 4, 3), 0.5)[:8]
    b'SECATEUR'
    """
    rng = np.random.default_rng(seed)
    columns = shape.channels * shape.kernel**2
    mask = rng.random((shape.out, columns)) < density
    dense = rng.standard_normal((shape.out, columns)).astype(np.float32)
    weight = {
        "format": "dense",
        "rows": shape.out,
        "cols": columns,
        "nnz": dense.size,
        "values": dense.ravel(),
    }
    if density < 1:
        gaps = [np.diff(np.flatnonzero(row), prepend=0).astype(np.uint32) for row in mask]
        weight |= {
            "format": "csr",
            "nnz": int(mask.sum()),
            "values": np.ascontiguousarray(dense[mask]),
            "index": np.concatenate(gaps),
            "counts": mask.sum(1).astype(np.uint32),
        }
    sizes = ((1, shape.channels, shape.size, shape.size), (1, shape.out, shape.out_size, shape.out_size))
    tensors, end = [], 0
    for name, size in zip("xy", sizes, strict=True):
        plane_stride, batch_stride = _core.plane_strides(*size)
        keys = ("batch", "channels", "height", "width")
        tensors.append(
            {
                "name": name,
                **dict(zip(keys, size, strict=True)),
                "plane_stride": plane_stride,
                "batch_stride": batch_stride,
                "arena_offset": end,
            }
        )
        end += math.ceil(batch_stride * 4 / 64) * 64
    pad = shape.kernel // 2
    options = {
        "weight": weight,
        "kernel_h": shape.kernel,
        "kernel_w": shape.kernel,
        "stride_h": shape.stride,
        "stride_w": shape.stride,
        **dict.fromkeys(("pad_top", "pad_left", "pad_bottom", "pad_right"), pad),
    }
    op = {
        "kind": "Conv",
        "name": "layer",
        "inputs": [0],
        "outputs": [1],
        "activation": ("relu", 0.0, 0.0),
        "options": options,
    }
    return _core.encode_model(
        {
            "producer": "secateur.tune.layers",
            "name": "layer",
            "arena_bytes": end,
            "tensors": tensors,
            "ops": [op],
            "inputs": [{"name": "x", "tensor": 0, "shape": list(sizes[0])}],
            "outputs": [{"name": "y", "tensor": 1, "shape": list(sizes[1])}],
        }
    )
