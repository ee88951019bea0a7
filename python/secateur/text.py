"""Text that comes from a file, made fit to be shown."""

from __future__ import annotations

import math
from typing import Any


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


def json_ready(content: Any) -> Any:
    """`content` with NaN and infinities as None: JSON has no word for them.

    >>> json_ready({"max": float("inf"), "all": [1.0, float("nan")]})
    {'max': None, 'all': [1.0, None]}
    """
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: json_ready(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [json_ready(value) for value in content]
    return content
