"""Measures the machine at hand and writes its profile (docs/tuning.md)."""

from secateur.tune.run import Progress, tune

__all__ = ["Progress", "tune"]
