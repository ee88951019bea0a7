"""Lets the tests import the counting harness, which is scripts rather than a package."""

import os
import sys
from pathlib import Path

# A second PyTorch thread that waits for its turn costs more than it brings, above all beside other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "arm"))
