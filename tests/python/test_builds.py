"""What builds must be able to rely on: the oldest CMake and Clang that are promised, and hardening."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Commands, variables and generator expressions of CMake, and the version that brought them.
NEWER_THAN_3_18 = {
    "cmake_language(DEFER": "3.19", "cmake_path(": "3.20", "PROJECT_IS_TOP_LEVEL": "3.21", "FILE_SET": "3.23",
    "$<LINK_LIBRARY:": "3.24", "$<LINK_GROUP:": "3.24", "block(": "3.25", "CMAKE_LINKER_TYPE": "3.29",
}  # fmt: skip
# -Wl: what goes to the linker; -Wno-psabi: of 32-bit Arm, known to GCC and to Clang 14.
WARNINGS = {"all", "extra", "pedantic", "error", "l", "no-psabi"}


def lists() -> Iterator[Path]:
    yield ROOT / "CMakeLists.txt"
    for folder in ("csrc", "tests", "examples", "benchmarks"):
        yield from (ROOT / folder).rglob("CMakeLists.txt")
    yield from (ROOT / "cmake").glob("*.cmake")


def test_cmake_3_18_is_enough() -> None:
    """Raspberry Pi OS bullseye has it."""
    assert re.search(r"cmake_minimum_required\(VERSION 3\.18\b", (ROOT / "CMakeLists.txt").read_text())
    found = {
        f"{path.relative_to(ROOT)}: {word} is of CMake {version}"
        for path in lists()
        for word, version in NEWER_THAN_3_18.items()
        if re.search(r"(?<!\w)" + re.escape(word), path.read_text())
    }
    assert not found


def test_every_compiler_knows_the_names_of_warnings() -> None:
    """Clang 14 stops at one that it does not know, with warnings as errors."""
    for path in lists():
        for name in re.findall(r"(?<![\w-])-W(\w[\w-]*)", path.read_text()):
            assert name in WARNINGS, f"{path.relative_to(ROOT)}: -W{name}"


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("readelf"), reason="needs readelf")
def test_the_extension_is_hardened() -> None:
    """Tables that are read-only once it is loaded, and a guard on the stack."""
    _core = pytest.importorskip("secateur._core")
    told = subprocess.run(
        ["readelf", "-dlW", "--dyn-syms", str(_core.__file__)], capture_output=True, text=True, check=True
    ).stdout
    assert "BIND_NOW" in told
    assert "GNU_RELRO" in told
    assert "__stack_chk_fail" in told
