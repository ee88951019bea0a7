"""Shared by all Python tests: the same random numbers and the same plans in every run."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

# Plans are those of the shipped tables, whatever profile this user has; tests of profiles name theirs.
os.environ["SECATEUR_PROFILE"] = "none"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)
    try:
        import torch
    except ImportError:
        return
    torch.manual_seed(0)
