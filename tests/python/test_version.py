"""The version stands in secateur.h; everything else that names one got it from there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import secateur
from secateur import _core

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def version() -> str:
    header = (ROOT / "csrc" / "include" / "secateur" / "secateur.h").read_text()
    parts = dict(re.findall(r"^#define SCT_VERSION_(\w+) (\d+)$", header, re.M))
    assert sorted(parts) == ["MAJOR", "MINOR", "PATCH"]
    return f"{parts['MAJOR']}.{parts['MINOR']}.{parts['PATCH']}"


def test_the_extension_and_the_package(version: str) -> None:
    assert _core.__version__ == version  # CMake's PROJECT_VERSION
    assert secateur.__version__ == version


def test_the_wheel(version: str, tmp_path: Path) -> None:
    pytest.importorskip("scikit_build_core")
    program = "import sys; from scikit_build_core import build; "
    program += "print(build.prepare_metadata_for_build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    metadata = (tmp_path / done.stdout.split()[-1] / "METADATA").read_text()
    assert re.search(rf"^Version: {re.escape(version)}$", metadata, re.M)


def test_no_second_place(version: str) -> None:
    """No build file states the number itself: it would be forgotten at the next release."""
    for name in ("CMakeLists.txt", "csrc/CMakeLists.txt", "pyproject.toml", "python/secateur/__init__.py"):
        assert version not in (ROOT / name).read_text(), f"{name} states the version"


def test_the_changelog_begins_with_it(version: str) -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert version in headings[:2]
    assert headings[0] in {"Unreleased", version}


@pytest.mark.parametrize("module", ["secateur", "secateur.cli"])
def test_as_a_module(module: str, version: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, f"secateur {version}", "")


def test_what_pip_calls_it() -> None:
    from secateur.distribution import NAME

    pyproject = (ROOT / "pyproject.toml").read_text()
    assert re.findall(r'^name = "(.*)"$', pyproject, re.M) == [NAME]
    extras = set(re.findall(r"([\w-]+)\[\w+\]", pyproject.split("[project.scripts]")[0])) - {"project"}
    assert extras == {NAME}


def test_nobody_is_told_to_install_another_project() -> None:
    """The index has a project called like the import: neither messages nor documents name it to pip."""
    sources = [p for p in (ROOT / "python").rglob("*.py") if p.name != "distribution.py"]
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md")]
    assert len(pages) > 20
    wrong = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (*sources, *pages)
        for line in path.read_text().splitlines()
        if re.search(r"\bsecateur\[|pip install ['\"]?secateur(?!-nn)\b", line)
        or (path.suffix == ".py" and re.search(r"secateur-nn", line))
    ]
    assert wrong == []
