"""Reference pages: Python's public names, secateur.h, and the command's own help."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parent))
import docstrings

# Modules of the Python interface, each a page; what their __all__ lists is public.
MODULES = {
    "secateur": "Top level",
    "secateur.runtime": "Running",
    "secateur.compiler": "Compiling",
    "secateur.prune": "Pruning",
    "secateur.quantize": "Quantising",
    "secateur.errors": "Errors",
}
HEADER = "csrc/include/secateur/secateur.h"


def public_names(module: ModuleType) -> list[str]:
    """__all__ of a module, else its classes and functions without an underscore, in their order."""
    names = getattr(module, "__all__", None)
    if names is not None:
        return [name for name in names if not inspect.ismodule(getattr(module, name)) and name[0] != "_"]
    own = (
        name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__
    )
    return [name for name in own if not name.startswith("_")]


def python_page(name: str) -> str:
    module = importlib.import_module(name)
    parts = [f"# {name}\n\n{docstrings.markdown(module.__doc__ or '')}\n"]
    parts += [docstrings.entry(public, getattr(module, public)) for public in public_names(module)]
    return "\n".join(parts)


def c_page(header: str) -> str:
    """A header as a page: each comment that stands alone as text, the declarations under it as code.

    >>> header = "/* A lib. */\\n#ifndef X\\n/* Adds. Twice. */\\nSCT_API int sct_add(int a,\\n  int b);\\n"
    >>> print(c_page(header))
    # C interface
    <BLANKLINE>
    A lib.
    <BLANKLINE>
    ## `sct_add`
    <BLANKLINE>
    Adds. Twice.
    <BLANKLINE>
    ```c
    int sct_add(int a,
      int b);
    ```
    <BLANKLINE>
    """
    parts: list[str] = ["# C interface\n"]
    comment = ""
    for piece in re.split(r"(?m)^(?=/\*|SCT_API|typedef|#)", header):
        if piece.startswith("/*"):
            end = piece.index("*/") + 2
            comment = plain(piece[:end])
            rest = piece[end:].strip()
            if len(parts) == 1:
                parts.append(f"\n{comment}\n")
                comment = ""
            if comment.startswith("---- "):
                title, _, text = comment.strip("- ").partition(":")
                parts.append(f"\n# {title.strip()}\n\n{text.strip().capitalize()}\n")
                comment = ""
            if rest:
                piece = rest
            else:
                continue
        if not piece.startswith(("SCT_API", "typedef")):
            continue
        code = re.sub(r"^SCT_API ", "", piece.strip())
        code = re.sub(r"\n#(endif|ifdef|if).*", "", code).strip()
        names = re.findall(r"\b(sct_\w+)(?=\(|;)", code) if not code.startswith("typedef") else None
        name = names[0] if names else re.findall(r"\b(sct_\w+)", code)[-1 if names is not None else 0]
        parts.append(f"\n## `{name}`\n" + (f"\n{comment}\n" if comment else "") + f"\n```c\n{code}\n```\n")
        comment = ""
    return "".join(parts)


def plain(comment: str) -> str:
    """The text of a C comment; lines that are indented in it are code."""
    lines = [re.sub(r"^\s?\*? ?", "", line) for line in comment[2:-2].strip("\n").splitlines()]
    out, code = [], False
    for line in lines:
        line = line.rstrip()
        if line.startswith("  ") and not code and (not out or not out[-1]):
            out.append("```c")
            code = True
        elif code and line and not line.startswith("  "):
            while not out[-1]:
                out.pop()
            out += ["```", ""]
            code = False
        out.append(line.strip() if not code else line[2:])
    return "\n".join(out).strip()


def cli_page(root: Path) -> str:
    """`secateur --help` and that of each verb, as they are printed on 100 columns."""
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}

    def ask(*words: str) -> str:
        command = [sys.executable, "-m", "secateur", *words, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=root)
        lines = [line.rstrip() for line in done.stdout.replace("python -m secateur", "secateur").splitlines()]
        return "\n".join(lines).strip("\n")

    top = ask()
    listing = top[top.index("Commands") :]
    verbs = re.findall(r"^│ (\w[\w-]*) ", listing, re.M)
    parts = [f"# Command line\n\n```\n{top}\n```\n"]
    parts += [f"\n## secateur {verb}\n\n```\n{ask(verb)}\n```\n" for verb in verbs]
    return "".join(parts)


def pages(root: Path) -> dict[str, str]:
    """All reference pages, by their paths in the site."""
    made = {f"reference/python/{m}.md": python_page(m) for m in MODULES}
    listing = "\n".join(f"- [`{m}`]({m}.md): {title}" for m, title in MODULES.items())
    made["reference/python/README.md"] = f"# Python interface\n\n{listing}\n"
    made["reference/c.md"] = c_page((root / HEADER).read_text())
    made["reference/cli.md"] = cli_page(root)
    return made
