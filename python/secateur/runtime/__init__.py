"""Runs compiled models. Needs NumPy only."""

from __future__ import annotations

from secateur.runtime.limits import Limits
from secateur.runtime.session import Session

__all__ = ["Limits", "Session"]
