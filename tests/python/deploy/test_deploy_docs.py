"""The code of docs/deploy.md runs, in its order: its commands and its Python, on the stand-in for a board."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deploy_sandbox import Sandbox, this_machine
from typer.testing import Result

Run = Callable[..., Result]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "deploy.md"
BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n+)?^```(python|bash)\n(.*?)^```", re.S | re.M)


def test_the_guide(
    run: Run, sandbox: Sandbox, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("secateur.deploy.runner.FOLDER", tmp_path / "device")
    (tmp_path / "device").mkdir()
    sandbox.runner.rename(tmp_path / "device" / f"secateur-run-{this_machine()}")
    model.rename("model.sct")
    blocks = [(language, code) for skipped, language, code in BLOCK.findall(PAGE.read_text()) if not skipped]
    assert len(blocks) == 5
    measured = 0
    removals = [code for _, code in blocks if "--remove" in code]
    last = [block for block in blocks if block[1] in removals]
    for language, code in [block for block in blocks if block not in last] + last:
        if language == "python":
            scope: dict[str, Any] = {}
            exec(compile(code, str(PAGE), "exec"), scope)
            measured += len(scope.get("samples", ()))
            continue
        for line in code.splitlines():
            program, *words = shlex.split(line)
            assert program == "secateur"
            assert run(*words).stdout
    assert measured == 20
    assert sandbox.files() == []
