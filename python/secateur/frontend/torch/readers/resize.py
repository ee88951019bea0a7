"""`F.interpolate` in its modes."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import resize as lowering
from secateur.lowering import sample
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder

_MODES = {
    "upsample_nearest1d": ("nearest", 1),
    "upsample_nearest2d": ("nearest", 2),
    "_upsample_nearest_exact1d": ("nearest-exact", 1),
    "_upsample_nearest_exact2d": ("nearest-exact", 2),
    "upsample_linear1d": ("linear", 1),
    "upsample_bilinear2d": ("linear", 2),
    "upsample_bicubic2d": ("cubic", 2),
    "_upsample_bilinear2d_aa": ("linear, antialiased", 2),
    "_upsample_bicubic2d_aa": ("cubic, antialiased", 2),
}


@reads(*(f"{name}.{overload}" for name in _MODES for overload in ("vec", "default")))
def interpolate(b: Builder, a: Args) -> Tensor:
    name, overload = a.target.split(".")
    mode, rank = _MODES[name]
    x = a.tensor("input" if overload == "vec" else "self")
    keys = ("scales",) if rank == 1 else ("scales_h", "scales_w")
    given = a.get("scale_factors") if overload == "vec" else [a.get(key) for key in keys]
    factors: list[float | None] = [None] * rank if given is None else list(given)
    size = a.ints("output_size")
    if not size:
        size = [int(old * (factor or 1)) for old, factor in zip(x.shape[-rank:], factors, strict=True)]
    return lowering.resize(b, x, mode, size, align_corners=bool(a.get("align_corners")), scales=factors)


@reads("grid_sampler.default", "grid_sampler_2d.default", "grid_sampler_3d.default")
def grid_sampler(b: Builder, a: Args) -> Tensor:
    mode = ("linear", "nearest", "cubic")[int(a.get("interpolation_mode"))]
    outside = ("zeros", "border", "reflection")[int(a.get("padding_mode"))]
    how = sample.Sampling(mode, outside, bool(a.get("align_corners")))
    return sample.grid_sample(b, a.tensor("input"), a.get("grid"), how)
