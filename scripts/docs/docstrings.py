"""Docstrings as Markdown: of a module's public names, with their signatures."""

from __future__ import annotations

import inspect
import re
from typing import Any

SECTIONS = ("Parameters", "Returns", "Raises", "Examples", "Attributes", "Notes", "Yields", "See Also")


def markdown(text: str) -> str:
    """A docstring as Markdown: sections in bold, their entries as lists, examples and indented parts as code.

    >>> print(markdown("Adds.\\n\\nParameters\\n----------\\na\\n    A number, [1][2].\\n    More."))
    Adds.
    <BLANKLINE>
    **Parameters**
    <BLANKLINE>
    - **a**: A number, \\[1]\\[2]. More.
    """
    lines = inspect.cleandoc(text).splitlines()
    out: list[str] = []
    section = False
    i = 0
    while i < len(lines):
        line = lines[i]
        following = lines[i + 1] if i + 1 < len(lines) else ""
        if line in SECTIONS and re.fullmatch("-{3,}", following):
            section = line not in ("Examples", "Notes")
            out += [f"**{line}**", ""]
            i += 2
        elif line.lstrip().startswith(">>> "):
            end = i
            while end < len(lines) and lines[end].strip():
                end += 1
            out += ["```python", *(inspect.cleandoc("\n".join(lines[i:end])).splitlines()), "```"]
            i = end
        elif section and line and not line.startswith(" ") and following.startswith("    "):
            end = i + 1
            while end < len(lines) and lines[end].startswith("    "):
                end += 1
            out.append(f"- **{line}**: {escaped(' '.join(part.strip() for part in lines[i + 1 : end]))}")
            i = end
        else:
            out.append(line if line.startswith("    ") else escaped(line))
            i += 1
    return "\n".join(out)


def escaped(line: str) -> str:
    """Brackets are shapes here, not links, and `<` no tag; code stays as it is."""
    parts = re.split(r"(`+[^`]*`+)", line)
    return "".join(
        p if p.startswith("`") else re.sub(r"\[", r"\\[", p).replace("<", "&lt;").replace("*", "\\*")
        for p in parts
    )


def signature(name: str, thing: Any) -> str:
    """`name(parameters) -> result`, without self."""
    try:
        whole = inspect.signature(thing)
    except (TypeError, ValueError):
        return name
    kept = [p for p in whole.parameters.values() if p.name != "self"]
    returned = inspect.Signature.empty if inspect.isclass(thing) else whole.return_annotation
    text = str(whole.replace(parameters=kept, return_annotation=returned))
    return name + text.replace("'", "")


def members(cls: type) -> list[tuple[str, Any]]:
    """Public methods and properties that the class itself documents, in their order."""
    return [
        (name, member)
        for name, member in vars(cls).items()
        if not name.startswith("_") and inspect.getdoc(member) and not isinstance(member, str | int | float)
    ]


def entry(name: str, thing: Any) -> str:
    """A heading, the signature and the docstring of one name; of a class, its members too."""
    parts = [f"## `{name}`\n"]
    if callable(thing):
        parts.append(f"```python\n{signature(name, thing)}\n```\n")
    parts.append(markdown(thing.__doc__ or "") + "\n")
    if inspect.isclass(thing):
        for member_name, member in members(thing):
            if isinstance(member, property):
                parts.append(f"### `{name}.{member_name}`\n")
            else:
                member = getattr(thing, member_name)
                parts.append(f"### `{name}.{member_name}`\n")
                if callable(member):
                    parts.append(f"```python\n{signature(member_name, member)}\n```\n")
            parts.append(markdown(inspect.getdoc(member) or "") + "\n")
    return "\n".join(parts)
