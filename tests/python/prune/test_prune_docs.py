"""The code of docs/pruning.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).resolve().parents[3] / "docs" / "pruning.md"


def test_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tomllib")
    torch.manual_seed(0)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) >= 6
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), scope)
    assert "90.0%" in capsys.readouterr().out
