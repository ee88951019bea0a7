"""What calibration sees of a tensor, and the range that each method chooses from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import InvalidArgumentError
from secateur.passes.quantize import TensorScale

METHODS = ("minmax", "percentile", "mse", "robust")
# The power of the error whose mean a method makes least. Below 2 outliers count less: in MobileNetV2 a few
# values are far from all others, and to their squares the others would lose half of their steps. Its outputs
# are off by 9.1, 9.3, 9.8 and 12.0% at powers of 1.3, 1.5, 1.75 and 2 (benchmarks/accuracy_int8.py's images).
POWERS = {"mse": 2.0, "robust": 1.5}
BINS = 2048
STEPS = 255
# Of the values, by default, that "percentile" keeps within the range.
PERCENTILE = 99.99
# Parts of a range whose errors are compared.
PARTS = np.linspace(1.0, 0.1, 31)
Double = NDArray[np.float64]


@dataclass
class Extent:
    """The first look at a tensor: its range and the mean of each channel."""

    least: float = np.inf
    most: float = -np.inf
    total: NDArray[Any] = field(default_factory=lambda: np.zeros(0))
    count: int = 0

    def see(self, x: NDArray[np.float32]) -> bool:
        """False where a value is not finite."""
        low, high = float(x.min()), float(x.max())
        self.least, self.most = min(self.least, low), max(self.most, high)
        sums = x.reshape(x.shape[0], x.shape[1], -1).sum(axis=(0, 2), dtype=np.float64)
        self.total = sums if self.count == 0 else self.total + sums
        self.count += x.size // x.shape[1]
        return bool(np.isfinite(low) and np.isfinite(high))

    @property
    def mean(self) -> NDArray[Any]:
        return np.asarray(self.total / float(max(self.count, 1)), np.float64)


@dataclass
class Histogram:
    """The second look: how often each part of the range was seen."""

    least: float
    most: float
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))

    @classmethod
    def over(cls, extent: Extent) -> Histogram:
        """Zero lies in every range."""
        return cls(min(extent.least, 0.0), max(extent.most, 0.0))

    def see(self, x: NDArray[np.float32]) -> None:
        width = self.most - self.least
        if width <= 0:
            self.counts[0] += x.size
            return
        at = ((x.reshape(-1) - np.float32(self.least)) * np.float32(BINS / width)).astype(np.int32)
        self.counts += np.bincount(np.clip(at, 0, BINS - 1), minlength=BINS)

    @property
    def centres(self) -> Double:
        edges = np.linspace(self.least, self.most, BINS + 1)
        return np.asarray((edges[1:] + edges[:-1]) / 2)


def scale_of(least: float, most: float) -> tuple[float, int]:
    """(scale, zero point) of a range, zero included and exact.

    >>> scale_of(0.0, 2.55)[1], scale_of(-1.0, 1.55)[1], scale_of(0.0, 0.0)
    (-128, -28, (1.0, 0))
    """
    least, most = min(least, 0.0), max(most, 0.0)
    scale = float(np.float32((most - least) / STEPS))
    if scale < float(np.finfo(np.float32).tiny):
        return 1.0, 0
    zero = int(np.clip(np.rint(-128 - least / scale), -128, 127))
    return scale, zero


def noise(histogram: Histogram, scale: float, zero: int, power: float = 2.0) -> float:
    """The mean of the error, to that power, of rounding and clipping what the histogram holds."""
    x = histogram.centres
    codes = np.clip(np.rint(x / scale) + zero, -128, 127)
    clipped = np.abs(scale * (codes - zero) - x) ** power
    inside = (codes > -128) & (codes < 127)
    # Where a step is finer than a bin: values spread evenly over a step.
    spread = (scale / 2) ** power / (power + 1)
    error = np.where(inside & (scale <= _bin(histogram)), spread, clipped)
    return float((error * histogram.counts).sum() / max(histogram.counts.sum(), 1))


def _bin(histogram: Histogram) -> float:
    return (histogram.most - histogram.least) / BINS


def range_of(histogram: Histogram, method: str, percentile: float = PERCENTILE) -> tuple[float, float]:
    """The range that a method chooses; always with zero in it."""
    if method == "minmax":
        return histogram.least, histogram.most
    if method == "percentile":
        return _percentile(histogram, percentile)
    if method not in POWERS:
        raise InvalidArgumentError(f"a range is chosen by {', '.join(METHODS)}, not {method!r}")
    if histogram.least == histogram.most:
        return histogram.least, histogram.most
    tried = [
        (
            noise(histogram, *scale_of(low, high), POWERS[method]),
            low - high,
            low,
            high,
        )  # of equals the widest
        for low in (PARTS * histogram.least if histogram.least < 0 else [0.0])
        for high in (PARTS * histogram.most if histogram.most > 0 else [0.0])
    ]
    return float(min(tried)[2]), float(min(tried)[3])


def _percentile(histogram: Histogram, percentile: float) -> tuple[float, float]:
    if not 50 < percentile <= 100:
        raise InvalidArgumentError(f"percentile is {percentile}; it is above 50, up to 100")
    total = histogram.counts.sum()
    outside = (1 - percentile / 100) * total
    edges = histogram.least + np.arange(BINS + 1) * _bin(histogram)
    seen = np.cumsum(histogram.counts)
    low = edges[int(np.searchsorted(seen, outside, side="right"))] if histogram.least < 0 else 0.0
    high = edges[int(np.searchsorted(seen, total - outside)) + 1] if histogram.most > 0 else 0.0
    return min(float(low), 0.0), max(float(high), 0.0)


def choose(histogram: Histogram, method: str, percentile: float, useful: tuple[float, float]) -> TensorScale:
    """The scale of a tensor. `useful`: the range outside of which its reader is flat."""
    low, high = range_of(histogram, method, percentile)
    low, high = max(low, min(useful[0], 0.0)), min(high, max(useful[1], 0.0))
    scale, zero = scale_of(low, high)
    ends = scale * (-128.5 - zero), scale * (127.5 - zero)
    x = histogram.centres
    outside = float(histogram.counts[(x < ends[0]) | (x > ends[1])].sum())
    power = float((x * x * histogram.counts).sum() / max(histogram.counts.sum(), 1))
    error = noise(histogram, scale, zero)
    return TensorScale(
        scale,
        zero,
        low,
        high,
        clipped=outside / max(int(histogram.counts.sum()), 1),
        error=float(np.sqrt(error / power)) if power > 0 else 0.0,
        rms=float(np.sqrt(power)),
    )
