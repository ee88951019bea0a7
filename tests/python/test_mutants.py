"""scripts/mutants.py makes the faults it says, and tells what a test sees from what none does."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "mutants.py"
spec = importlib.util.spec_from_file_location("mutants", SCRIPT)
assert spec is not None
assert spec.loader is not None
mutants = importlib.util.module_from_spec(spec)
sys.modules["mutants"] = mutants  # where its dataclass looks it up
spec.loader.exec_module(mutants)


def test_each_mutant_is_one_change(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        '"""No 1."""\n'
        "def f(a: int = 3) -> int:\n    if a < 1 and not a:\n        return a + 2\n    return None\n"
    )
    found = [(m.line, m.before, m.after) for m in mutants.mutants(path)]
    assert found == [
        (2, "3", "4"),
        (3, "if a < 1 and (not a):", "if not (a < 1 and (not a)):"),
        (3, "a < 1 and (not a)", "a < 1 or not a"),
        (3, "a < 1", "a <= 1"),
        (3, "1", "2"),
        (4, "return a + 2", "return None"),
        (4, "a + 2", "a - 2"),
        (4, "2", "3"),
    ]
    original = ast.unparse(ast.parse(path.read_text())).split("\n")
    for mutant in mutants.mutants(path):
        lines = ast.unparse(mutant.tree).split("\n")
        assert sum(x != y for x, y in zip(lines, original, strict=True)) == 1


def test_survivors_are_what_no_test_sees(tmp_path: Path) -> None:
    folder = tmp_path / "python" / "toy"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "sign.py").write_text("def positive(x):\n    return x > 0\n")
    (tmp_path / "test_sign.py").write_text(
        "from toy.sign import positive\ndef test():\n    assert positive(2) and not positive(-2)\n"
    )
    program = f"""
import sys
from pathlib import Path
sys.path[:0] = [{str(SCRIPT.parent)!r}, {str(tmp_path / "python")!r}]
import mutants
mutants.ROOT, mutants.SOURCES = Path({str(tmp_path)!r}), Path({str(tmp_path / "python")!r})
mutants.TESTS = {{"toy": ["test_sign.py"]}}
path = mutants.SOURCES / "toy" / "sign.py"
assert mutants.run(mutants.unchanged(path), 60)
for mutant in mutants.mutants(path):
    if mutants.run(mutant, 60):
        print(mutant.line, mutant.before, "->", mutant.after)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    # Nobody asks for zero, nor for a number between.
    assert done.stdout.splitlines() == ["2 x > 0 -> x >= 0", "2 0 -> 1"]
