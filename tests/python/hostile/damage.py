"""Documents that are nearly right: strategies for Hypothesis, and what reading one may end in."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.sampled_from(["", "f32", "i8", "element", "\x1b[31m", "../x", "1e999", "\ud800"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of every part of a document."""
    parts: list[tuple[Any, ...]] = [path]
    if isinstance(document, dict):
        for key, value in document.items():
            parts += places(value, (*path, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            parts += places(value, (*path, index))
    return parts


@st.composite
def documents(draw: st.DrawFn, whole: Any) -> Any:
    """`whole` with one to three parts replaced, taken away or added."""
    made = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(made)))
        if not path:
            continue
        parent = made
        for step in path[:-1]:
            parent = parent[step]
        what = draw(st.sampled_from(["replace", "remove", "add"]))
        if what == "replace":
            parent[path[-1]] = draw(VALUES)
        elif what == "remove":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent[draw(st.text(max_size=6))] = draw(VALUES)
        else:
            parent.insert(path[-1], draw(VALUES))
    return made


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with some changed, some gone, or others put in."""
    made = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(made)))
        what = draw(st.sampled_from(["change", "truncate", "insert", "remove"]))
        if what == "change" and at < len(made):
            made[at] = draw(st.integers(0, 255))
        elif what == "truncate":
            del made[at:]
        elif what == "insert":
            made[at:at] = draw(st.binary(max_size=6))
        else:
            del made[at : at + draw(st.integers(1, 6))]
    return bytes(made)


def files(whole: Any) -> st.SearchStrategy[bytes]:
    """A JSON file that is damaged in its bytes or in its meaning, or is something else altogether."""
    text = json.dumps(whole).encode()
    meaning = documents(whole).map(lambda d: json.dumps(d).encode("utf-8", "surrogatepass"))
    return meaning | cut(text) | st.binary(max_size=40)


def read_or_refused(read: Callable[[Path], Any], path: Path, error: type[Exception]) -> Any:
    """What is read; None where it is refused by that error, which names the file."""
    try:
        return read(path)
    except error as found:
        message = str(found)
    assert str(path) in message
    return None
