"""The options that say what the inputs of an ONNX file are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from secateur.errors import InvalidArgumentError

Fix = Annotated[
    list[str] | None,
    typer.Option("--fix", metavar="NAME=NUMBER", help="Of an ONNX file: an input that is this number."),
]
State = Annotated[
    list[str] | None,
    typer.Option(
        "--state", metavar="INPUT=OUTPUT", help="Of an ONNX file: what an input keeps from run to run."
    ),
]


def takes_onnx(
    model: str, checkpoint: str | None, fixed: Sequence[str] | None, states: Sequence[str] | None
) -> bool:
    """Whether it is an ONNX file. Raises InvalidArgumentError for options that belong to the other kind."""
    from secateur.network import is_onnx

    if not is_onnx(model):
        if fixed or states:
            raise InvalidArgumentError("--fix and --state go with an ONNX file")
        return False
    if checkpoint is not None:
        raise InvalidArgumentError("--checkpoint goes with a factory; an ONNX file has its weights in it")
    return True


def pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """``NAME=VALUE`` texts as a dictionary.

    >>> pairs(["state=stateN"], "--state")
    {'state': 'stateN'}
    """
    found = {}
    for text in texts or ():
        name, equals, value = text.rpartition("=")
        if not equals or not name or not value:
            raise InvalidArgumentError(f"{option} is given as NAME=VALUE, not {text!r}")
        found[name] = value
    return found


def onnx_inputs(shapes: Sequence[str] | None, fixed: Sequence[str] | None) -> Any:
    """Shapes in the order of the inputs, or ``NAME=SHAPE``; numbers by name. None where nothing is given.

    >>> onnx_inputs(["x=1,3,8,8"], ["rate=16000"]), onnx_inputs(["1,4"], None)
    ({'x': (1, 3, 8, 8), 'rate': 16000}, [(1, 4)])
    """
    from secateur.network import parse_shape

    named: dict[str, Any] = {}
    unnamed = []
    for text in shapes or ():
        name, equals, shape = text.rpartition("=")
        if equals:
            named[name] = parse_shape(shape)
        else:
            unnamed.append(parse_shape(shape))
    for name, value in pairs(fixed, "--fix").items():
        named[name] = _number(name, value)
    if unnamed and named:
        raise InvalidArgumentError("beside --fix, shapes are given as --input-shape NAME=1,3,224,224")
    return named or unnamed or None


def _number(name: str, text: str) -> int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise InvalidArgumentError(f"--fix {name}={text}: {text!r} is not a number")
