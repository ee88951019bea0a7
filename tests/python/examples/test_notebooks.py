"""The gallery's notebooks run from a fresh clone, cell by cell, and are kept without outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
MOST_BYTES = 20_000


def test_the_gallery() -> None:
    assert NAMES == ["int8", "keyword_spotter", "mobilenet_v2", "sentence_encoder"]


@pytest.mark.parametrize("name", NAMES)
def test_small_and_without_outputs(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    document = json.loads(path.read_text())
    assert path.stat().st_size < MOST_BYTES
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in document["cells"]}) == len(document["cells"])
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            compile("".join(cell["source"]), name, "exec")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {"__name__": name}
    for cell in json.loads((FOLDER / f"{name}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}:{cell['id']}", "exec"), scope)
