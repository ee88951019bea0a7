"""Who may include or import whom: docs/architecture.md draws it, this test reads every source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
PYTHON = ROOT / "python" / "secateur"

# folder -> folders it may include (besides itself)
CPP_ARROWS: dict[str, set[str]] = {
    "include": set(),
    "platform": set(),
    "base": {"platform"},
    "pack": {"base", "platform"},
    "kernels": {"base"},
    "machine": {"base"},
    "format": {"base", "platform", "pack"},  # pack/weights.h alone: the stored form of a weight
    "ops": {"base", "pack", "kernels", "machine", "format"},
    "runtime": {"base", "platform", "pack", "ops", "machine", "format", "include"},
    "tune": {"base", "platform", "pack", "kernels", "machine", "format", "ops", "runtime"},
    "tools": {"base", "format", "runtime", "tune", "include"},
    "bindings": {"base", "platform", "runtime", "format", "machine", "tune", "include"},
}

# package -> sibling packages it may import at module level or inside functions (besides itself)
PYTHON_ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "distribution": set(),
    "text": set(),
    "files": {"errors"},
    "formats": {"errors"},
    "ir": {"errors", "formats"},
    "lowering": {"ir"},
    "frontend": {"errors", "lowering", "ir"},
    "machine": {"errors", "_core"},
    "tune": {"errors", "files", "_core"},
    "passes": {"errors", "ir", "formats", "files", "machine", "_core"},
    "emit": {"errors", "ir", "formats", "passes", "_core"},
    "verify": {"errors", "frontend", "lowering", "ir", "passes", "emit", "_core"},
    "runtime": {"errors", "_core"},
    "apps": {"errors", "distribution", "runtime", "_core"},
    "program": {"errors", "ir", "emit", "passes", "formats", "runtime", "text", "files"},
    "quantize": {"errors", "frontend", "network", "ir", "passes", "emit"},
    "compiler": {"errors", "network", "passes", "emit", "verify", "program"},
    "prune": {"errors", "files"},
    "integrations": {"errors", "files", "prune"},
    "zoo": {"errors"},
    "network": {"errors", "distribution", "frontend", "zoo"},
}
TOP = {"bench", "cli", "demo", "deploy"}  # may import anything but each other's upper layers
TOP_ARROWS = {"bench": {"cli", "demo"}, "demo": {"cli"}, "cli": set(), "deploy": {"cli", "demo"}}
# Packages that do without torch, also inside functions: what runs on a device, and what a frontend for
# another kind of file builds on.
WITHOUT_TORCH = set(PYTHON_ARROWS) - {
    "frontend",
    "verify",
    "compiler",
    "prune",
    "quantize",
    "zoo",
    "network",
    "integrations",
}


def cpp_files() -> list[Path]:
    return sorted(p for p in CSRC.rglob("*") if p.suffix in {".h", ".hpp", ".cc", ".c"})


def included_folders(path: Path) -> set[str]:
    names = re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), re.M)
    found = set()
    for name in names:
        head = name.split("/")[0]
        if head == "secateur":
            found.add("include")
        elif head in CPP_ARROWS:
            found.add(head)
    return found


@pytest.mark.parametrize("path", cpp_files(), ids=lambda p: str(p.relative_to(CSRC)))
def test_cpp_arrows(path: Path) -> None:
    folder = path.relative_to(CSRC).parts[0]
    forbidden = included_folders(path) - CPP_ARROWS[folder] - {folder}
    assert not forbidden, f"{path.relative_to(ROOT)} includes from {sorted(forbidden)}"
    if folder == "format":
        pack = re.findall(r'#include "(pack/[^"]+)"', path.read_text())
        assert set(pack) <= {"pack/weights.h"}


def test_only_platform_names_a_system() -> None:
    """Its headers and macros. The device programs (tools) are POSIX programs and may."""
    system = "sys/|unistd|fcntl|sched|pthread|windows|io\\.h|process\\.h|dirent|linux/|asm/|mach"
    headers = rf"#\s*include <({system})"
    macros = r"\b(__linux__|__APPLE__|__ANDROID__|_WIN32|_WIN64|__wasi__|__FreeBSD__|__GLIBC__)\b"
    files = [p for p in cpp_files() if p.relative_to(CSRC).parts[0] not in {"platform", "tools"}]
    users = [p for p in files if re.search(f"{headers}|{macros}", p.read_text())]
    assert [str(p.relative_to(CSRC)) for p in users] == []


def test_operators_compare_no_instruction_sets() -> None:
    """What differs between machines is data (csrc/machine); what kernels read, they are asked."""
    operators = [p for p in cpp_files() if p.is_relative_to(CSRC / "ops")]
    users = [p for p in operators if re.search(r"\bIsa::", p.read_text())]
    assert operators
    assert users == []


def imported_modules(path: Path) -> set[str]:
    """Every module, or name in one, that a file imports, wherever in the file it does."""
    here = path.relative_to(PYTHON.parent).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                package = here if path.name != "__init__.py" else here[:-1]
                base = package[: len(here) - node.level]
                module = ".".join([*base, *([node.module] if node.module else [])])
            else:
                module = node.module or ""
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        found.update(names)
    return found


def imported_packages(path: Path) -> set[str]:
    """Sibling packages of secateur that a file imports."""
    parts = (name.split(".") for name in imported_modules(path))
    return {p[1] for p in parts if p[0] == "secateur" and len(p) > 1}


def python_files() -> list[Path]:
    return sorted(PYTHON.rglob("*.py"))


def is_package(name: str) -> bool:
    return (PYTHON / name).is_dir() or (PYTHON / f"{name}.py").exists() or name == "_core"


@pytest.mark.parametrize("path", python_files(), ids=lambda p: str(p.relative_to(PYTHON)))
def test_python_arrows(path: Path) -> None:
    package = path.relative_to(PYTHON).with_suffix("").parts[0]
    if package in {"__init__", "__main__"}:
        return  # lazy re-exports (test_import_needs_numpy_only watches them), and the door to the command
    imports = {name for name in imported_packages(path) if is_package(name)} - {package}
    if package in TOP:
        assert not imports & TOP_ARROWS[package], f"{package} imports {sorted(imports & TOP_ARROWS[package])}"
        return
    assert package in PYTHON_ARROWS, f"{package} has no row in this test's table of arrows"
    forbidden = imports - PYTHON_ARROWS[package]
    assert not forbidden, f"{path.relative_to(ROOT)} imports {sorted(forbidden)}"


def package_of(path: Path) -> str:
    return path.relative_to(PYTHON).with_suffix("").parts[0]


@pytest.mark.parametrize(
    "path",
    [p for p in python_files() if package_of(p) in WITHOUT_TORCH],
    ids=lambda p: str(p.relative_to(PYTHON)),
)
def test_no_torch_below_the_frontend(path: Path) -> None:
    imports = {name.split(".")[0] for name in imported_modules(path)}
    assert not imports & {"torch", "onnx"}


def test_frontends_do_not_know_each_other() -> None:
    for path in (PYTHON / "frontend").rglob("*.py"):
        own = path.relative_to(PYTHON / "frontend").parts[0]
        others = {n.split(".")[2] for n in imported_modules(path) if n.startswith("secateur.frontend.")}
        assert others <= {own, "common"}, path


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports at module level make no circle; those inside functions do not count."""
    modules = {
        ".".join(p.relative_to(PYTHON.parent).with_suffix("").parts).removesuffix(".__init__"): p
        for p in python_files()
    }
    edges: dict[str, set[str]] = {}
    for name, path in modules.items():
        found: set[str] = set()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                # A name that is no module comes from the package's own file.
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.add(whole if whole in modules else node.module)
        edges[name] = {target for target in found if target in modules}
    order: list[str] = []
    state: dict[str, str] = {}

    def visit(name: str) -> None:
        assert state.get(name) != "open", f"a circle of imports: {' -> '.join([*order, name])}"
        if name in state:
            return
        state[name] = "open"
        order.append(name)
        for target in sorted(edges[name]):
            visit(target)
        order.pop()
        state[name] = "done"

    for name in modules:
        visit(name)


def test_only_tests_and_benchmarks_use_a_reference() -> None:
    """An operator's definition as plain loops (`reference*.h`) is included by definitions alone."""
    users = [
        p
        for p in cpp_files()
        if not p.name.startswith("reference")
        and re.search(r'#include "ops/\w+/reference\w*\.h"', p.read_text())
    ]
    assert users == []


def test_import_needs_numpy_only() -> None:
    """On a device there is no torch, no typer, no rich: `import secateur` and a Session do without."""
    import subprocess
    import sys

    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'torch', 'typer', 'rich', 'matplotlib', 'sklearn', 'scipy'}:\n"
        "            raise ImportError(name + ' was imported')\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import secateur\n"
        "secateur.Session\n"
        "print(secateur.__version__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
