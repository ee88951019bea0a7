"""Small working projects around a model: `secateur new app`."""

from __future__ import annotations

from secateur.apps.new import KINDS, new_app

__all__ = ["KINDS", "new_app"]
