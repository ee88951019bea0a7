"""Writes the pages of the site and its mkdocs.yml into a folder: `make docs` runs mkdocs over it.

    python scripts/docs/pages.py build/docs

docs/ is copied as it is; README.md is the front page; other Markdown files that these link to stand under
project/. A link to a file that is no page is shown without the link. Then the reference: Python from
docstrings, C from secateur.h, the command from its --help, and results from benchmarks/results/.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT / "benchmarks")]

import nav  # noqa: E402
import reference  # noqa: E402

# A link, whose label may hold code; or code, where nothing is a link.
LINK = re.compile(r"(!?)\[((?:`[^`]*`|[^\]`])*)\]\(([^)\s]+)\)|`[^`]*`")
FENCE = re.compile(r"^\s*(```|~~~)")
FRONT = "README.md"
PROJECT = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")


def page_of(path: str) -> str | None:
    """Where a file of the repository stands in the site; None where it is no page.

    >>> page_of("docs/lab/spmv.md"), page_of("README.md"), page_of("CONTRIBUTING.md"), page_of("a/b.c")
    ('lab/spmv.md', 'index.md', 'project/contributing.md', None)
    """
    if path == FRONT:
        return "index.md"
    if path.startswith("docs/") and path.endswith(".md"):
        return path.removeprefix("docs/")
    if path.endswith(".md"):
        return "project/" + path.replace("/", "-").lower()
    return None


def relinked(text: str, source: str, page: str, found: Callable[[str], None]) -> str:
    """The text of the file `source` as it stands at `page`: links lead to pages, or are none.

    >>> relinked("[`a`](docs/x.md#y) [b](c.cc) `[c](d)`", "README.md", "index.md", lambda path: None)
    '[`a`](x.md#y) b `[c](d)`'
    """

    def link(match: re.Match[str]) -> str:
        picture, label, target = match.groups()
        if target is None:
            return match[0]
        name, _, fragment = target.partition("#")
        if picture or not name or re.match(r"[a-z]+:", target):
            return match[0]
        path = os.path.normpath(PurePosixPath(source).parent / name)
        to = page_of(path)
        if to is None:
            return label
        found(path)
        relative = os.path.relpath(to, PurePosixPath(page).parent)
        return f"[{label}]({relative}{'#' + fragment if fragment else ''})"

    lines, inside = [], False
    for line in text.splitlines(keepends=True):
        if FENCE.match(line):
            inside = not inside
        lines.append(line if inside else LINK.sub(link, line))
    return "".join(lines)


def copy_pages(out: Path) -> set[str]:
    """README, docs/ and the files that they link to; the pages made."""
    todo = [FRONT, *PROJECT, *(p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "docs").rglob("*.md")))]
    made: set[str] = set()
    while todo:
        source = todo.pop(0)
        page = page_of(source)
        if page is None or page in made or not (ROOT / source).is_file():
            continue
        made.add(page)
        write(out / page, relinked((ROOT / source).read_text(), source, page, todo.append))
    return made


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def results(out: Path) -> set[str]:
    """A page for each file of benchmarks/results/, with the plots that `make results` draws."""
    import results as kept

    made = set()
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        drawn = kept.render(path, out / "results")
        page = f"results/{path.stem}.md"
        parts = [f"# {path.stem}\n\nDrawn from `benchmarks/results/{path.name}` by `make results`.\n"]
        for each in drawn:
            name = each.relative_to(out / "results").as_posix()
            if each.suffix == ".svg":
                parts.append(f"\n![{each.stem}]({name})\n")
            elif each.suffix == ".md":
                parts.append("\n" + re.sub(r"^#", "##", each.read_text(), flags=re.M))
                each.unlink()
        write(out / page, "".join(parts))
        made.add(page)
    return made


def title_of(out: Path) -> Callable[[str], str]:
    def title(page: str) -> str:
        heading = re.search(r"^# (.+)$", (out / page).read_text(), re.M)
        return heading[1].replace("`", "") if heading else page

    return title


def configuration(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """mkdocs.yml; JSON is YAML."""
    warn = {"not_found": "warn", "absolute_links": "warn", "unrecognized_links": "warn", "anchors": "warn"}
    return {
        "site_name": "secateur",
        "site_url": "",
        "use_directory_urls": False,  # so that the pages also open from a folder
        "docs_dir": "pages",
        "site_dir": "site",
        "strict": True,
        "validation": {"nav": {"omitted_files": "warn", "not_found": "warn"}, "links": warn},
        "theme": {
            "name": "material",
            "font": False,
            "features": ["navigation.sections", "content.code.copy"],
        },
        "plugins": ["search"],
        "markdown_extensions": ["tables", "fenced_code", "sane_lists", {"toc": {"permalink": True}}],
        "nav": pages,
    }


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0])
    out = folder / "pages"
    shutil.rmtree(out, ignore_errors=True)
    made = copy_pages(out)
    for page, text in reference.pages(ROOT).items():
        write(out / page, text)
        made.add(page)
    made |= results(out)
    document = json.dumps(configuration(nav.tree(made, title_of(out))), indent=1)
    # Headings get the anchors that links in the repository use.
    slug = '"slugify": !!python/object/apply:pymdownx.slugs.slugify {"kwds": {"case": "lower"}}'
    write(folder / "mkdocs.yml", document.replace('"permalink": true', f'"permalink": true, {slug}'))
    print(f"docs: {len(made)} pages in {out}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        print(f"docs: {error.cmd} failed:\n{error.stderr}", file=sys.stderr)
        sys.exit(1)
