"""Order statistics of latency samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Summary:
    """What is kept of the samples of one engine; all times in nanoseconds.

    `mad` is the median absolute deviation from the median: half of the samples lie nearer than that.
    """

    count: int
    min: float
    median: float
    p90: float
    mean: float
    mad: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def summarize(samples: Sequence[float]) -> Summary:
    """The statistics of `samples` (nanoseconds; at least one), quantiles as `numpy.quantile` has them.

    >>> summarize([1.0, 2.0, 3.0, 10.0]).median
    2.5
    """
    if len(samples) == 0:
        raise ValueError("no samples to summarize")
    values = np.asarray(samples, dtype=np.float64)
    median = float(np.median(values))
    return Summary(
        count=int(values.size),
        min=float(values.min()),
        median=median,
        p90=float(np.quantile(values, 0.9)),
        mean=float(values.mean()),
        mad=float(np.median(np.abs(values - median))),
    )


def milliseconds(nanoseconds: float) -> str:
    """Three significant digits, in milliseconds.

    >>> milliseconds(1_234_567), milliseconds(41_800_000), milliseconds(87_300)
    ('1.23', '41.8', '0.0873')
    """
    value = nanoseconds / 1e6
    if value <= 0:
        return "0"
    digits = max(0, 2 - int(np.floor(np.log10(value))))
    return f"{value:.{digits}f}"
