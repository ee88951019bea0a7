"""A small network in every form that the verbs take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from secateur.cli.app import app

NETWORK = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 1), nn.ReLU(), nn.Conv2d(32, 8, 1)
    )
    return body.eval(), torch.randn(1, 3, 8, 8)

def strange():
    class Strange(nn.Module):
        def forward(self, x):
            return torch.histc(x)
    return Strange(), torch.randn(1, 3, 8, 8)
"""
RECIPE = 'sparsity = 0.75\npattern = "element"\nscope = "uniform"\nskip_first = true\nskip_last = true\n'

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs the command with these words; `status` is the exit status to expect."""

    def invoke(*words: Any, status: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == status, (result.stdout, result.stderr, result.exception)
        return result

    return invoke


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli")
    (path / "net.py").write_text(NETWORK)
    (path / "r.toml").write_text(RECIPE)
    return path


@pytest.fixture(scope="session")
def pruned(folder: Path, run: Run) -> Path:
    path = folder / "pruned.pt2"
    run("prune", f"{folder / 'net.py'}:make", "--recipe", folder / "r.toml", "-o", path)
    return path


@pytest.fixture(scope="session")
def model(folder: Path, pruned: Path, run: Run) -> Path:
    path = folder / "model.sct"
    run("compile", pruned, "-o", path)
    return path
