"""Lets the tests import the counting harness, which is scripts rather than a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "arm"))
