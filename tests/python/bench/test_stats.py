"""Statistics against NumPy, and how times are written."""

from __future__ import annotations

import numpy as np
import pytest

from secateur.bench.stats import milliseconds, summarize


@pytest.mark.parametrize("count", [1, 2, 3, 10, 31, 100])
def test_summary_is_numpys(count: int) -> None:
    samples = np.random.default_rng(count).lognormal(12, 1, count)
    s = summarize(list(samples))
    assert s.count == count
    assert s.min == samples.min()
    assert s.median == pytest.approx(np.median(samples))
    assert s.p90 == pytest.approx(np.percentile(samples, 90))
    assert s.mean == pytest.approx(samples.mean())
    assert s.mad == pytest.approx(np.median(np.abs(samples - np.median(samples))))


def test_no_samples() -> None:
    with pytest.raises(ValueError, match="no samples"):
        summarize([])


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0"),
        (80, "0.0000800"),
        (999_999, "1.000"),
        (1e6, "1.00"),
        (12_345_678, "12.3"),
        (123e6, "123"),
        (5e9, "5000"),
    ],
)
def test_milliseconds(nanoseconds: float, text: str) -> None:
    assert milliseconds(nanoseconds) == text
