"""A temporary folder that lives as long as its owner, and goes without a word."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path


class Scratch:
    """`path` stands until the object is let go of, or `remove` is called.

    >>> scratch = Scratch()
    >>> scratch.path.is_dir(), scratch.remove(), scratch.path.exists()
    (True, None, False)
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="secateur-"))
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def remove(self) -> None:
        self._finalizer()
