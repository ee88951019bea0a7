"""The guides' code runs, top to bottom, each page in a folder of its own: Python in one scope, shell with
`secateur` and `python` of this environment. A block that cannot run says why (test_text.py looks)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n+)?^```(python|bash)\n(.*?)^```", re.S | re.M)


def commands(folder: Path) -> dict[str, str]:
    """An environment whose `secateur` and `python` are this one's."""
    for name, words in (("python", ""), ("secateur", "-m secateur ")):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "COLUMNS": "120", "LC_ALL": "C.UTF-8"}


def run_page(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """How many blocks ran, and what the shell printed."""
    binaries, work = folder / "bin", folder / "work"
    binaries.mkdir()
    work.mkdir()
    environment = commands(binaries)
    monkeypatch.chdir(work)
    scope: dict[str, Any] = {"__name__": "page"}
    ran, printed = 0, ""
    for reason, language, code in BLOCK.findall((ROOT / "docs" / name).read_text()):
        if reason:
            continue
        if language == "python":
            exec(compile(code, name, "exec"), scope)
        else:
            done = subprocess.run(
                ["bash", "-euc", code], env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{code}\n{done.stderr}"
            printed += done.stdout
        ran += 1
    return ran, printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "blocks"), [("start.md", 5), ("fine-tuning.md", 4), ("compiling.md", 4), ("inspecting.md", 1)]
)
def test_the_guide_runs(name: str, blocks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_page(name, tmp_path, monkeypatch)[0] == blocks


@pytest.mark.slow
def test_the_guide_shows_what_inspect_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Formats, sparsities and counts, which no machine changes."""
    _, printed = run_page("inspecting.md", tmp_path, monkeypatch)
    page = (ROOT / "docs" / "inspecting.md").read_text()
    row = re.compile(r"^ +(\d+) +(\w+) +([\dx]+) +(\w+)(?: +(\w+) +([\d.]+%) +([\d,]+))?", re.M)
    shown, made = row.findall(page), row.findall(printed)
    assert len(shown) == 6
    assert shown == made
