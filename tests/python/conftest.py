"""Shared by all Python tests: the same random numbers and the same plans in every run."""

from __future__ import annotations

import os
import random
import subprocess
import tarfile
from pathlib import Path

# Plans are those of the shipped tables, whatever profile this user has; tests of profiles name theirs.
os.environ["SECATEUR_PROFILE"] = "none"
# Threads of PyTorch and BLAS that wait for each other on a machine that also builds take seven times as long.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)
    try:
        import torch
    except ImportError:
        return
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make sdk` makes of this machine, unpacked; for long tests."""
    folder = tmp_path_factory.mktemp("sdk")
    script = Path(__file__).resolve().parents[2] / "scripts" / "sdk.sh"
    done = subprocess.run([script, "native", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (tar,) = folder.glob("secateur-sdk-*-native.tar.gz")
    with tarfile.open(tar) as file:
        file.extractall(folder / "unpacked", filter="data")
    (content,) = (folder / "unpacked").iterdir()
    return content
