"""Ranges and scales, against NumPy on the values themselves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from secateur.errors import InvalidArgumentError
from secateur.quantize.observe import BINS, STEPS, Extent, Histogram, choose, noise, range_of, scale_of

RNG = np.random.default_rng(1)
EVERYWHERE = (-np.inf, np.inf)


def seen(*arrays: NDArray[np.float32]) -> tuple[Extent, Histogram]:
    extent = Extent()
    for x in arrays:
        assert extent.see(x)
    histogram = Histogram.over(extent)
    for x in arrays:
        histogram.see(x)
    return extent, histogram


def normal(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape).astype(np.float32)


def test_extents_are_numpys() -> None:
    a, b = normal(2, 5, 3, 3), normal(4, 5, 1, 7) + 1
    extent, histogram = seen(a, b)
    both = np.concatenate([x.transpose(1, 0, 2, 3).reshape(5, -1) for x in (a, b)], 1)
    assert (extent.least, extent.most) == (both.min(), both.max())
    np.testing.assert_allclose(extent.mean, both.mean(1, dtype=np.float64), rtol=1e-6)
    assert histogram.counts.sum() == both.size
    wanted, _ = np.histogram(both, BINS, (histogram.least, histogram.most))
    assert np.abs(np.cumsum(histogram.counts) - np.cumsum(wanted)).max() <= 2  # an edge may round either way


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_noticed(bad: float) -> None:
    x = normal(1, 2, 3, 3)
    x[0, 1, 2, 2] = bad
    assert not Extent().see(x)


@pytest.mark.parametrize(("least", "most"), [(-1.0, 3.0), (0.0, 6.0), (0.5, 2.0), (-4.0, -1.0), (-1e-3, 1e3)])
def test_zero_is_exact_and_the_range_fits(least: float, most: float) -> None:
    scale, zero = scale_of(least, most)
    assert float(np.float32(scale)) == scale
    assert -128 <= zero <= 127
    low, high = scale * (-128 - zero), scale * (127 - zero)
    assert low <= min(least, 0) + scale / 2 * 1.001
    assert high >= max(most, 0) - scale / 2 * 1.001
    assert scale == pytest.approx((max(most, 0) - min(least, 0)) / STEPS)


def test_a_tensor_of_zeros_has_a_scale() -> None:
    _, histogram = seen(np.zeros((1, 2, 2, 2), np.float32))
    t = choose(histogram, "mse", 99.9, EVERYWHERE)
    assert (t.scale, t.zero_point, t.error) == (1.0, 0, 0.0)


@pytest.mark.parametrize("value", [0.75, -2.0])
@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_a_constant_tensor_is_nearly_exact(value: float, method: str) -> None:
    _, histogram = seen(np.full((1, 2, 2, 2), value, np.float32))
    t = choose(histogram, method, 99.9, EVERYWHERE)
    code = np.clip(np.rint(value / t.scale) + t.zero_point, -128, 127)
    assert abs(t.scale * (code - t.zero_point) - value) <= t.scale


def actual(x: NDArray[np.float32], scale: float, zero: int) -> float:
    codes = np.clip(np.rint(x / scale) + zero, -128, 127)
    return float(((scale * (codes - zero) - x) ** 2).mean())


def test_noise_is_what_rounding_makes() -> None:
    x = normal(1, 8, 64, 64)
    _, histogram = seen(x)
    for part in (1.0, 0.7, 0.4, 0.2):
        scale, zero = scale_of(histogram.least * part, histogram.most * part)
        assert noise(histogram, scale, zero) == pytest.approx(actual(x, scale, zero), rel=0.05)


def test_mse_finds_the_least_error() -> None:
    x = RNG.laplace(size=(1, 8, 64, 64)).astype(np.float32)
    _, histogram = seen(x)
    best = choose(histogram, "mse", 99.9, EVERYWHERE)
    error = actual(x, best.scale, best.zero_point)
    tried = [
        actual(x, *scale_of(float(x.min()) * a, float(x.max()) * b))
        for a in np.linspace(0.2, 1, 17)
        for b in np.linspace(0.2, 1, 17)
    ]
    assert error <= 1.02 * min(tried)
    assert error < 0.98 * tried[-1]  # the whole extent
    assert 0 < best.clipped < 0.01
    assert best.error == pytest.approx(np.sqrt(error / (x**2).mean()), rel=0.1)
    assert best.rms == pytest.approx(np.sqrt((x**2).mean()), rel=0.01)


def test_percentile_is_numpys() -> None:
    x = normal(1, 8, 64, 64)
    _, histogram = seen(x)
    low, high = range_of(histogram, "percentile", 99.0)
    width = (histogram.most - histogram.least) / BINS
    assert low == pytest.approx(np.percentile(x, 1.0), abs=2 * width)
    assert high == pytest.approx(np.percentile(x, 99.0), abs=2 * width)
    assert range_of(histogram, "percentile", 100.0) == pytest.approx((x.min(), x.max()))


def test_percentile_keeps_zero_and_one_sided_ranges() -> None:
    _, histogram = seen(np.abs(normal(1, 2, 32, 32)))
    low, high = range_of(histogram, "percentile", 99.0)
    assert low == 0
    assert 2 < high < 3.5


def test_a_flat_reader_cuts_the_range() -> None:
    x = normal(1, 4, 32, 32) * 4
    _, histogram = seen(x)
    t = choose(histogram, "minmax", 99.0, (-3.0, np.inf))
    assert t.least == -3.0
    assert t.most == pytest.approx(float(x.max()))
    assert t.scale == pytest.approx((x.max() + 3) / STEPS)


def test_names_and_percentages_are_checked() -> None:
    _, histogram = seen(normal(1, 2, 4, 4))
    with pytest.raises(
        InvalidArgumentError, match="chosen by minmax, percentile, mse, robust, not 'entropy'"
    ):
        range_of(histogram, "entropy")
    with pytest.raises(InvalidArgumentError, match="percentile is 30"):
        range_of(histogram, "percentile", 30)
