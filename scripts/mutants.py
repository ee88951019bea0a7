#!/usr/bin/env python3
"""Which faults do the tests not see? One at a time, small faults are put into a file, and its tests are run.

    scripts/mutants.py                                        all of passes/ and formats/ (an hour)
    scripts/mutants.py python/secateur/passes/simplify.py     one file
    scripts/mutants.py --list FILE                            the faults, without running anything

A mutant changes one comparison, operator, constant, condition or returned value. A test that fails kills it;
what survives is printed: either a test is missing there, or the code makes no difference. Files on disk are
not touched: each mutant lives in a forked process, which imports the changed module in place of the real one.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "python"
# What tests a folder's files, beside their own doctests.
TESTS = {
    "passes": ["tests/python/passes"],
    "formats": ["tests/python/formats", "tests/python/runtime/test_encode.py"],
}
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or,
    ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip
LIMIT = 10  # times the unchanged run: what takes longer does not end, and counts as killed


@dataclass(frozen=True)
class Mutant:
    """One fault: where it is, what stood there and what stands there now, and the whole changed module."""

    path: Path
    line: int
    before: str
    after: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.before}  ->  {self.after}"


def changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    """What may be done to a node, each as a function that does it to a copy of the node."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            if type(op) in SWAPS:
                yield functools.partial(swap_comparison, i)
    elif isinstance(node, (ast.BoolOp, ast.BinOp, ast.AugAssign)) and type(node.op) in SWAPS:
        yield lambda n: setattr(n, "op", SWAPS[type(n.op)]())
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    elif isinstance(node, ast.Return) and node.value is not None and not is_none(node.value):
        yield lambda n: setattr(n, "value", ast.Constant(None))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield lambda n: setattr(n, "value", n.value + 1)


def swap_comparison(i: int, node: Any) -> None:
    node.ops[i] = SWAPS[type(node.ops[i])]()


def is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node that runs, in a fixed order: neither annotations nor strings that stand alone."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns"}:
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not isinstance(child, (ast.Import, ast.ImportFrom)):
                    yield from walk(child)

    yield from walk(tree)


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file."""
    source = path.read_text()
    tree = ast.parse(source)
    for number, node in enumerate(statements(tree)):
        for change in changes(node):
            changed = copy.deepcopy(tree)
            target: Any = next(n for i, n in enumerate(statements(changed)) if i == number)
            change(target)
            ast.fix_missing_locations(changed)
            yield Mutant(path, target.lineno, head(node), head(target), changed)


def head(node: ast.AST) -> str:
    """A node in one line."""
    return ast.unparse(node).split("\n")[0]


class Replacement(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module from a syntax tree."""

    def __init__(self, module: str, mutant: Mutant) -> None:
        self.module, self.mutant = module, mutant

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(self.mutant.path))

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.mutant.tree, str(self.mutant.path), "exec")

    def get_source(self, fullname: str) -> str:
        return self.mutant.path.read_text()


def unchanged(path: Path) -> Mutant:
    """The file as it is, imported as a mutant is: its tests must pass."""
    return Mutant(path, 0, "", "", ast.parse(path.read_text()))


def run(mutant: Mutant, seconds: float) -> bool:
    """Whether the tests of a file pass with this mutant of it, in a process of their own."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        import pytest

        module = ".".join(mutant.path.relative_to(SOURCES).with_suffix("").parts)
        sys.meta_path.insert(0, Replacement(module, mutant))
        tests = [str(ROOT / name) for name in TESTS[mutant.path.parent.name]]
        status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests])
        os._exit(int(status))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(arguments)
    default = [p for name in TESTS for p in sorted((SOURCES / "secateur" / name).glob("*.py"))]
    files = [path.resolve() for path in options.files] or default
    for path in files:
        if path.parent.name not in TESTS or not path.is_file():
            parser.error(f"{path} is not a file of {' or '.join(TESTS)}")
    os.chdir(ROOT)
    if not options.list:
        os.environ["OMP_NUM_THREADS"] = "1"
        for heavy in ("numpy", "scipy.sparse", "torch", "pytest"):  # what every test imports, once
            importlib.import_module(heavy)
    for path in files:
        found = list(mutants(path))
        if options.list:
            print(*found, sep="\n")
            continue
        begin = time.monotonic()
        if not run(unchanged(path), 3600):
            print(f"{path.relative_to(ROOT)}: its tests fail as it is", file=sys.stderr)
            return 1
        limit = 5 + LIMIT * (time.monotonic() - begin)
        alive = 0
        for mutant in found:
            if run(mutant, limit):
                alive += 1
                print(mutant, flush=True)
        print(f"{path.relative_to(ROOT)}: {len(found) - alive} of {len(found)} killed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
