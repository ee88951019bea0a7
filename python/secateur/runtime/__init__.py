"""Runs compiled models. Needs NumPy only."""

from __future__ import annotations

from secateur.runtime.session import Session

__all__ = ["Session"]
