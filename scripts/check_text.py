#!/usr/bin/env python3
"""Texts of the repository: lines that fit a screen, and links that lead somewhere. Part of `make lint`.

    scripts/check_text.py [FILE...]     all tracked files where none is named

Lines have at most 120 characters. Rows of Markdown tables may be longer, since they cannot be broken, and so
may data, and a line's comment to a tool. A relative link in a Markdown file must name a file, and its #anchor
a heading of that file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 120
SUFFIXES = {
    ".md", ".py", ".pyi", ".cc", ".h", ".hpp", ".c", ".S", ".inc", ".sh", ".cmake", ".txt", ".toml", ".yml",
    ".yaml", ".fbs", ".map", "",
}  # fmt: skip
NAMES_WITHOUT_SUFFIX = {"Makefile", "run", ".clang-format", ".clang-tidy", ".gitignore"}
FENCE = re.compile(r"^\s*(```|~~~)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def is_text(path: Path) -> bool:
    return path.suffix in SUFFIXES and (path.suffix != "" or path.name in NAMES_WITHOUT_SUFFIX)


def long_lines(path: Path, text: str) -> list[str]:
    """A sentence for each line that is too long."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        table = path.suffix == ".md" and line.lstrip().startswith("|")
        line = re.sub(r"\s+# (type: ignore|noqa|fmt: ).*$", "", line)  # tools want these on the line itself
        if len(line) > LONGEST and not table:
            found.append(f"{path}:{number}: {len(line)} characters, at most {LONGEST}")
    return found


def prose(text: str) -> Iterable[tuple[int, str]]:
    """Lines outside fenced code, with their numbers."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            inside = not inside
        elif not inside:
            yield number, line


def anchor(heading: str) -> str:
    """The anchor of a heading, as the usual renderers make it.

    >>> anchor("Dense or sparse?"), anchor("The `pack` folder, 2:4")
    ('dense-or-sparse', 'the-pack-folder-24')
    """
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {anchor(m[1]) for _, line in prose(text) if (m := re.match(r"#+\s+(.*)", line))}


def broken_links(path: Path, text: str) -> list[str]:
    """A sentence for each relative link of a Markdown file that leads nowhere."""
    found = []
    for number, line in prose(text):
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, fragment = target.partition("#")
            to = (path.parent / name) if name else path
            if not to.exists():
                found.append(f"{path}:{number}: no file {name}")
            elif fragment and to.suffix == ".md" and fragment not in anchors(to.read_text()):
                found.append(f"{path}:{number}: {name or 'this page'} has no heading #{fragment}")
    return found


def check(paths: Iterable[Path]) -> list[str]:
    """All that is wrong with these files."""
    found: list[str] = []
    for path in paths:
        if not path.is_file() or not is_text(path):
            continue
        text = path.read_text(encoding="utf-8")
        found += long_lines(path, text)
        if path.suffix == ".md":
            found += broken_links(path, text)
    return found


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name]


def main(arguments: list[str]) -> int:
    found = check([Path(name) for name in arguments] if arguments else tracked())
    for sentence in found:
        print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
