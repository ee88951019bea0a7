"""The order of the site's pages. A page of docs/ that is not named here stands under "More"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# (title, page): a path below docs/, or of what pages.py makes. A page that is not there is left out.
NAV: list[tuple[str, Any]] = [
    (
        "Start",
        [
            ("What it is", "index.md"),
            ("Five minutes", "start.md"),
            ("Is sparse worth it for me?", "worth-it.md"),
        ],
    ),
    (
        "Guides",
        [
            ("Prune", "pruning.md"),
            ("Fine-tune", "fine-tuning.md"),
            ("Quantise", "quantization.md"),
            ("Compile", "compiling.md"),
            ("From ONNX", "onnx.md"),
            ("Read inspect", "inspecting.md"),
            ("Tune to a machine", "tuning.md"),
            ("Deploy", "deploy.md"),
            ("Embed and build", "building.md"),
            ("What compiles", "coverage.md"),
        ],
    ),
    (
        "How it works",
        [
            ("Architecture", "architecture.md"),
            ("Kernels", "kernels/"),
            ("Numerics", "numerics.md"),
            ("Arm", "arm.md"),
            ("Reliability", "reliability.md"),
            ("Lab notes", "lab/"),
        ],
    ),
    (
        "Reference",
        [
            ("Python", "reference/python/"),
            ("C", "reference/c.md"),
            ("Command line", "reference/cli.md"),
            ("Model file", "model-format.md"),
        ],
    ),
    ("Benchmarks", [("How it is measured", "benchmarks.md"), ("Results", "results/")]),
    ("Project", "project/"),
]


def tree(pages: set[str], title_of: Callable[[str], str]) -> list[dict[str, Any]]:
    """mkdocs' nav over the pages that are there; a folder ("lab/") stands for all of its pages, README first.

    >>> tree({"index.md", "lab/README.md", "lab/b.md", "new.md"}, lambda page: page.upper())
    ... # doctest: +NORMALIZE_WHITESPACE
    [{'Start': [{'What it is': 'index.md'}]},
     {'How it works': [{'Lab notes': ['lab/README.md', {'LAB/B.MD': 'lab/b.md'}]}]},
     {'More': [{'NEW.MD': 'new.md'}]}]
    """
    left = set(pages)

    def entry(title: str, what: Any) -> dict[str, Any] | None:
        if isinstance(what, list):
            inside = [made for name, part in what if (made := entry(name, part)) is not None]
            return {title: inside} if inside else None
        if not what.endswith("/"):
            if what not in left:
                return None
            left.remove(what)
            return {title: what}
        folder = sorted(page for page in left if page.startswith(what))
        left.difference_update(folder)
        first = what + "README.md"
        listed: list[Any] = [first] if first in folder else []
        listed += [{title_of(page): page} for page in folder if page != first]
        return {title: listed} if listed else None

    made = [one for title, what in NAV if (one := entry(title, what)) is not None]
    if left:
        made.append({"More": [{title_of(page): page} for page in sorted(left)]})
    return made
