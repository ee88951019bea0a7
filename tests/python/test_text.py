"""scripts/check_text.py finds what it should, and nothing in this repository; pages' Python code runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("check_text", ROOT / "scripts" / "check_text.py")
assert spec is not None
assert spec.loader is not None
check_text = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_text)


def test_lines(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text(f"{'x' * 120}\n{'y' * 121}\n| {'z' * 130} |\n")
    assert check_text.check([page]) == [f"{page}:2: 121 characters, at most 120"]
    source = tmp_path / "a.cc"
    source.write_text(f"| {'z' * 130}\n")
    assert len(check_text.check([source])) == 1
    data = tmp_path / "a.json"
    data.write_text("1" * 500)
    assert check_text.check([data]) == []


def test_links(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# One thing\n```\n# no heading\n```\n")
    page = tmp_path / "a.md"
    page.write_text(
        "[a](b.md) [b](b.md#one-thing) [c](https://example.org/x) [own](#top) `[code](none.md)`\n"
        "[d](none.md)\n"
        "[e](b.md#no-heading)\n"
        "```\n[f](none.md)\n```\n"
        "# Top\n"
    )
    assert check_text.check([page]) == [
        f"{page}:2: no file none.md",
        f"{page}:3: b.md has no heading #no-heading",
    ]


def test_the_repository() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    assert check_text.check(check_text.tracked()) == []


# Pages whose code a test runs, and where. A block that cannot run says why in a comment in front of it:
# <!-- not run: why -->
RUN_BY = {
    "README.md": "this file",
    "docs/deploy.md": "tests/python/deploy/test_deploy_docs.py",
    "docs/pruning.md": "tests/python/prune/test_prune_docs.py",
    **dict.fromkeys(
        ("docs/start.md", "docs/fine-tuning.md", "docs/compiling.md", "docs/inspecting.md"),
        "tests/python/docs/test_pages.py",
    ),
}
BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n+)?^```python\n(.*?)^```", re.S | re.M)
ANY_BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n+)?^```(?:python|bash|sh)\n(.*?)^```", re.S | re.M)


def test_every_block_of_code_runs_or_says_why_not() -> None:
    for path in check_text.tracked():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".md" and path.is_file() and name not in RUN_BY:
            silent = [code for reason, code in ANY_BLOCK.findall(path.read_text()) if not reason]
            assert not silent, f"{name}: no test runs this, and it does not say why:\n{silent[0]}"


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ten lines around a training loop of a small network, with a hundredth of its schedule."""
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    image = torch.randn(1, 8)
    scope: dict[str, Any] = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.01),
        "loss": torch.nn.functional.cross_entropy,
        "loader": [(torch.randn(2, 8), torch.tensor([1, 3]))] * 21,
        "example_images": image,
        "image": image.numpy(),
    }
    ((_, code),) = BLOCK.findall((ROOT / "README.md").read_text())
    for stated, small in (("threads=4", "threads=1"), ('"end": 2000, "every": 100', '"end": 20, "every": 1')):
        assert stated in code
        code = code.replace(stated, small)
    exec(compile(code, "README.md", "exec"), scope)
    with torch.no_grad():
        expected = model(image).numpy()
    assert abs(scope["y"] - expected).max() < 1e-5
    assert (model[0].weight == 0).float().mean() > 0.85
