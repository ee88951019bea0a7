"""Resize, its forebear Upsample, and sampling at computed places."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from secateur.frontend.onnx.registry import Args, reads
from secateur.lowering import choose, resample, sample
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.unsupported import Unsupported


@reads("Upsample")
def upsample(b: Builder, a: Args) -> Tensor:
    scales = a.const(1).tolist() if a.has(1) else a.attribute("scales")
    return _by_scales(b, a, a.floats(), [float(s) for s in scales])


@reads("GridSample")
def grid_sample(b: Builder, a: Args) -> Tensor:
    mode, padding = a.text("mode", "linear"), a.text("padding_mode", "zeros")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    if mode not in ("linear", "nearest", "cubic") or padding not in ("zeros", "border", "reflection"):
        raise Unsupported(f"sampling of mode {mode} with {padding} around")
    how = sample.Sampling(mode, padding, bool(a.integer("align_corners")))
    return sample.grid_sample(b, a.floats(), a.value(1), how)


@reads("Resize")
def resize(b: Builder, a: Args) -> Tensor:
    x = a.floats()
    if a.opset < 11:
        return _by_scales(b, a, x, [float(s) for s in a.const(1)])
    axes = [axis % x.rank for axis in a.ints("axes") or range(x.rank)]
    crop = _crop(a, len(axes))
    held = _sizes(a, x, axes)
    mode = a.text("coordinate_transformation_mode", "half_pixel")
    tables, outside = {}, np.zeros((1,) * x.rank, bool)
    for axis, (out, scale), part in zip(axes, held, crop, strict=True):
        if out == x.shape[axis] and scale == 1 and mode != "tf_crop_and_resize":
            continue
        described = resample.Axis(x.shape[axis], out, scale, part)
        tables[axis] = _table(a, described, mode)
        if mode == "tf_crop_and_resize":
            at = resample.places(described, mode)
            beyond = (at < 0) | (at > x.shape[axis] - 1)
            outside = outside | beyond.reshape([-1 if d == axis else 1 for d in range(x.rank)])
    y = resample.resample(b, x, tables)
    if outside.any():
        y = choose.fill(b, y, np.broadcast_to(outside, y.shape), a.number("extrapolation_value", 0))
    return y


def _by_scales(b: Builder, a: Args, x: Tensor, scales: list[float]) -> Tensor:
    """Before opset 11: places are i / scale, the nearest element is that below."""
    linear = a.text("mode", "nearest") != "nearest"
    tables = {}
    for axis, scale in enumerate(scales):
        if scale == 1:
            continue
        held = resample.Axis(x.shape[axis], math.floor(x.shape[axis] * scale), scale)
        tables[axis] = (
            resample.weighted(held, "asymmetric", None, False, False)
            if linear
            else resample.nearest(held, "asymmetric", "floor")
        )
    return resample.resample(b, x, tables)


def _table(a: Args, axis: resample.Axis, places: str) -> Any:
    mode = a.text("mode", "nearest")
    if mode == "nearest":
        return resample.nearest(axis, places, a.text("nearest_mode", "round_prefer_floor"))
    if mode not in ("linear", "cubic"):
        raise Unsupported(f"the mode {mode!r}")
    slope = a.number("cubic_coeff_a", -0.75) if mode == "cubic" else None
    return resample.weighted(
        axis, places, slope, bool(a.integer("antialias")), bool(a.integer("exclude_outside"))
    )


def _crop(a: Args, count: int) -> list[tuple[float, float]]:
    if not a.has(1) or a.const(1).size == 0:
        return [(0.0, 1.0)] * count
    roi = [float(v) for v in a.const(1)]
    return list(zip(roi[:count], roi[count:], strict=True))


def _sizes(a: Args, x: Tensor, axes: list[int]) -> list[tuple[int, float]]:
    """(size, scale) of each axis, from the sizes or the scales that are given."""
    if not a.has(3) or a.raw_const(3).size == 0:
        scales = [float(s) for s in a.const(2)]
        return [(math.floor(x.shape[axis] * s), s) for axis, s in zip(axes, scales, strict=True)]
    sizes = a.ints_of(3)
    ratios = [size / x.shape[axis] for size, axis in zip(sizes, axes, strict=True)]
    policy = a.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return list(zip(sizes, ratios, strict=True))
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return [(math.floor(x.shape[axis] * scale + 0.5), scale) for axis in axes]
