"""What `make docs` hands to mkdocs, without mkdocs: every page has a place, and every link of the pages leads
to one; the reference has every public name; tables that are made are what the page has."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts" / "docs"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("nav", "reference", "pages", "docstrings", "worth"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize("name", ["nav", "reference", "pages", "docstrings"])
def test_examples(name: str) -> None:
    outcome = doctest.testmod(load(SCRIPTS / f"{name}.py"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


def listed(tree: Any) -> list[str]:
    """All pages of a nav."""
    if isinstance(tree, str):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree
    return [page for part in parts for page in listed(part)]


def test_every_page_has_one_place_and_links_lead_to_pages(tmp_path: Path) -> None:
    pages = load(SCRIPTS / "pages.py")
    made = pages.copy_pages(tmp_path)
    assert made >= {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")}
    tree = pages.nav.tree(made, pages.title_of(tmp_path))
    assert sorted(listed(tree)) == sorted(made)
    for page in made:
        prose = re.sub(r"(?ms)^\s*```.*?^\s*```|`[^`\n]*`", "_", (tmp_path / page).read_text())
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if not re.match(r"[a-z]+:|#", target):
                assert (tmp_path / page).parent.joinpath(target.split("#")[0]).is_file(), (page, target)


def test_the_c_page_has_every_function_and_type() -> None:
    reference = load(SCRIPTS / "reference.py")
    header = (ROOT / reference.HEADER).read_text()
    page = reference.c_page(header)
    headings = re.findall(r"^## `(\w+)`", page, re.M)
    functions = re.findall(r"^SCT_API[^;]*?\b(sct_\w+)\(", header, re.M)
    types = re.findall(r"^typedef (?:struct|enum) (sct_\w+)", header, re.M)
    types += re.findall(r"^typedef \w+\*? \(\*(sct_\w+)\)", header, re.M)
    assert len(functions) > 20
    assert sorted(headings) == sorted(functions + types)


def test_the_python_pages_have_every_public_name() -> None:
    pytest.importorskip("torch")
    import secateur.errors
    import secateur.prune

    reference = load(SCRIPTS / "reference.py")
    for module in (secateur.prune, secateur.errors):
        page = reference.python_page(module.__name__)
        assert re.findall(r"^## `(\w+)`", page, re.M) == reference.public_names(module)
    assert set(reference.public_names(secateur.prune)) == set(secateur.prune.__all__)
    assert "ModelFileError" in reference.public_names(secateur.errors)
    page = reference.python_page("secateur.runtime")
    assert "### `Session.run`" in page
    assert "- **threads**: CPU threads that share each operator's work." in page


@pytest.mark.slow
def test_the_page_of_the_command_has_every_verb() -> None:
    pytest.importorskip("typer")
    from secateur.cli.app import app

    verbs = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback is not None]
    verbs += [group.name for group in app.registered_groups if group.name]
    page = load(SCRIPTS / "reference.py").cli_page(ROOT)
    assert sorted(re.findall(r"^## secateur (\S+)", page, re.M)) == sorted(verbs)


def test_worth_it_shows_what_was_measured() -> None:
    worth = load(ROOT / "benchmarks" / "worth.py")
    page = worth.PAGE.read_text()
    assert worth.filled(page, worth.tables()) == page
    assert "| MobileNetV2 | 6.8 ms" in page  # README's figure, by another way


def test_worth_it_against_numbers_by_hand() -> None:
    worth = load(ROOT / "benchmarks" / "worth.py")

    def engine(name: str, ms: float, size: int = 0) -> dict[str, Any]:
        facts = {"file_bytes": size}
        return {
            "engine": name,
            "label": name,
            "status": "ok",
            "stats_ns": {"median": ms * 1e6},
            "facts": facts,
        }

    def layer(name: str, kernel: str, ns: int) -> dict[str, Any]:
        return {"name": name, "op": "Conv", "kernel": kernel, "median_ns": ns}

    def result(sparsity: float, ms: float) -> dict[str, Any]:
        broken = {**engine("broken", 0.1), "status": "wrong"}
        return {
            "network": "net",
            "sparsity": sparsity,
            "engines": [engine("secateur", ms, 30), engine("secateur-dense", 9, 100), engine("a", 8), broken],
            "layers": [layer("x", "spmm/avx2 csr 2x16", 10), layer("y", "spmm/avx2 dense 8x8", 10)],
            "dense_layers": [layer("x", "spmm/avx2 dense 8x8", 40), layer("y", "spmm/avx2 dense 8x8", 10)],
        }

    results = [result(0.8, 4), result(0.9, 2)]
    assert worth.networks(results).endswith("| net | 8.0 ms (a) | 4.0 ms | 2.0 ms | 2.0x, 4.0x | 30% |")
    assert worth.layers(results).splitlines()[2:] == [
        "| 1x1, and linear over tokens | 80% | 1 | 4.0x (4.0 to 4.0) |",
        "| 1x1, and linear over tokens | 90% | 1 | 4.0x (4.0 to 4.0) |",
    ]
