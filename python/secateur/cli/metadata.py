"""The options that say what a compiled model keeps for whoever runs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from secateur.errors import InvalidArgumentError


def said_of_model(texts: Sequence[str] | None, labels: Path | None) -> dict[str, Any]:
    """``KEY=VALUE`` texts, whose numbers may be a list, and a file of labels, as `compile`'s metadata.

    >>> said_of_model(["mean=0.485,0.456,0.406", "size=224", "author=us, 2024"], None)
    {'mean': [0.485, 0.456, 0.406], 'size': 224.0, 'author': 'us, 2024'}
    """
    found: dict[str, Any] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidArgumentError(f"--metadata is given as KEY=VALUE, not {text!r}")
        if key in found:
            raise InvalidArgumentError(f"--metadata gives {key!r} twice")
        found[key] = _value(value)
    if labels is not None:
        if "labels" in found:
            raise InvalidArgumentError("labels are given by --labels or by --metadata, not by both")
        found["labels"] = _lines(labels)
    return found


def _value(text: str) -> str | float | list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return text
    return numbers if len(numbers) > 1 else numbers[0]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidArgumentError(
            f"cannot read the labels of {str(path)!r}: {error.strerror or error}"
        ) from None
    except UnicodeDecodeError:
        raise InvalidArgumentError(f"the labels of {str(path)!r} are not UTF-8") from None
