"""Text that comes from a file, made fit to be shown."""

from __future__ import annotations


def printable(text: str, *, lines: bool = False) -> str:
    """`text` with every character that does not print written as its escape: control characters (a terminal
    obeys them), marks that turn the direction of writing, line ends. `lines` keeps the last.

    >>> printable("conv\\x1b[2J\\n"), printable("one\\ntwo", lines=True)
    ('conv\\\\x1b[2J\\\\n', 'one\\ntwo')
    """
    return "".join(
        c if c.isprintable() or (lines and c == "\n") else c.encode("unicode_escape").decode("ascii")
        for c in text
    )
