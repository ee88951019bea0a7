"""What a model file keeps for whoever runs it: texts and numbers under keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from secateur.errors import InvalidArgumentError

Metadata = dict[str, str | float | list[str] | list[float]]

# csrc/format/model.h: kMaxMetadata, kMaxTextBytes, kMaxMetadataBytes
MOST_KEYS = 256
MOST_KEY_BYTES = 1024
MOST_BYTES = 1 << 20


def checked(metadata: Mapping[str, Any] | None) -> Metadata:
    """A caller's metadata as the file holds them: numbers as float, arrays and tuples as lists.

    Each value is a text, a finite number, or a list of one of them. All keys and texts, 16 bytes more for
    each, and 8 for each number make up at most 1 MiB. Raises InvalidArgumentError, naming the key.

    >>> checked({"labels": ("cat", "dog"), "size": 224})
    {'labels': ['cat', 'dog'], 'size': 224.0}
    >>> checked({"size": None})
    Traceback (most recent call last):
    secateur.errors.InvalidArgumentError: metadata 'size' is a text, a number or a list of them, not None
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise InvalidArgumentError(f"metadata is a dictionary, not {type(metadata).__name__}")
    if len(metadata) > MOST_KEYS:
        raise InvalidArgumentError(f"metadata has {len(metadata)} keys, a file holds at most {MOST_KEYS}")
    found: Metadata = {}
    for key, value in metadata.items():
        if not isinstance(key, str) or not key:
            raise InvalidArgumentError(f"a key of metadata is a text, not {key!r}")
        where = f"metadata {key[:80]!r}"
        if _bytes(key, where) > MOST_KEY_BYTES:
            raise InvalidArgumentError(f"{where}: its key is longer than {MOST_KEY_BYTES} bytes")
        found[key] = _value(value, where)
    size = sum(
        len(key.encode()) + 16 + sum(_bytes(x, key) + 16 if isinstance(x, str) else 8 for x in _list(value))
        for key, value in found.items()
    )
    if size > MOST_BYTES:
        raise InvalidArgumentError(f"metadata take {size} bytes, a file holds at most {MOST_BYTES}")
    return found


def entries(metadata: Metadata) -> list[dict[str, Any]]:
    """As `_core.encode_model` takes them."""
    found = []
    for key, value in metadata.items():
        values = _list(value)
        kind = "texts" if values and isinstance(values[0], str) else "numbers"
        found.append({"key": key, kind: values, "list": isinstance(value, list)})
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _bytes(text: str, where: str) -> int:
    if "\0" in text:
        raise InvalidArgumentError(f"{where} has a zero byte, which ends a text in C")
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{where} is no text that UTF-8 can write") from None


def _one(value: Any, where: str) -> str | float:
    if isinstance(value, str):
        _bytes(value, where)
        return value
    # A truth value is a number to Python; here it is neither.
    if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and math.isfinite(value):
        return float(value)
    raise InvalidArgumentError(f"{where} is a text, a number or a list of them, not {value!r:.80}")


def _value(value: Any, where: str) -> str | float | list[str] | list[float]:
    if isinstance(value, np.ndarray) and value.ndim <= 1:
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        return _one(value, where)
    values = [_one(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if len({isinstance(item, str) for item in values}) > 1:
        raise InvalidArgumentError(f"{where} mixes texts and numbers")
    return values  # type: ignore[return-value]
