"""Whether plain data are what a dataclass says that they are: for descriptions that come from a file."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints


def misfit(value: Any, kind: Any, place: str) -> str | None:
    """A sentence about the first part of `value` that is not of `kind`; None where all are.

    kind: a dataclass, dict[str, ...], list[...], tuple[...] of fixed length, or str, int, float. A float is
    any finite number, an int no truth value.

    >>> misfit({"a": [1, 2.5]}, dict[str, list[float]], "bias")
    >>> misfit({"a": [1, "b"]}, dict[str, list[float]], "bias")
    "bias['a'][1] is 'b', no number"
    """
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        parts = [(getattr(value, f.name), hints[f.name], f"{place}.{f.name}") for f in fields(kind)]
    elif kind in (str, int, float):
        return None if _plain(value, kind) else f"{place} is {_shown(value)}, no {_NAMES[kind]}"
    else:
        origin, inner = get_origin(kind), get_args(kind)
        if not isinstance(value, origin):
            return f"{place} is {_shown(value)}, no {origin.__name__}"
        if origin is dict:
            named = [(key, inner[0], f"a name in {place}") for key in value]
            parts = named + [(part, inner[1], f"{place}[{key!r}]") for key, part in value.items()]
        elif origin is list:
            parts = [(part, inner[0], f"{place}[{i}]") for i, part in enumerate(value)]
        elif len(value) != len(inner):
            return f"{place} has {len(value)} parts, not {len(inner)}"
        else:
            parts = [(p, k, f"{place}[{i}]") for i, (p, k) in enumerate(zip(value, inner, strict=True))]
    return next((found for part in parts if (found := misfit(*part)) is not None), None)


_NAMES = {str: "text", int: "whole number", float: "number"}


def _plain(value: Any, kind: type) -> bool:
    if kind is str:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        return "a number of too many digits"
    return text if len(text) <= 60 else text[:57] + "..."
