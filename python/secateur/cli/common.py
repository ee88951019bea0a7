"""What several verbs share: their options, consoles, and the reading of model files."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secateur.errors import InvalidArgumentError
from secateur.files import writes_through
from secateur.text import json_ready, printable

if TYPE_CHECKING:
    from rich.console import Console

    from secateur.network import Network
    from secateur.runtime import Limits

ModelSpec = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="An exported program (.pt2), an ONNX file (prune takes none), a factory "
        "(package.module:factory or file.py:factory), or a network of the zoo (mobilenet_v1, mobilenet_v2, "
        "resnet50, encoder).",
        show_default=False,
    ),
]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        help="State dict (or .safetensors of `secateur prune`) to load into what the factory makes.",
    ),
]
InputShape = Annotated[
    list[str] | None,
    typer.Option("--input-shape", metavar="1,3,224,224", help="Shape of an input; once per input."),
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Load a .pt2 file although it may run its author's code.")
]
Threads = Annotated[int, typer.Option("--threads", min=0, help="CPU threads; 0: one on each (fast) CPU.")]
NoLimits = Annotated[
    bool,
    typer.Option("--no-limits", help="Whatever the file asks for: only for a file that you trust."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def stdout(*, stderr: bool = False) -> Console:
    """The console for results; wide enough for tables where nobody looks at it. Text is taken as it is:
    what stands in brackets or between colons may be part of a name."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 140
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def say(text: str) -> None:
    """Prints text that may hold names from a file."""
    typer.echo(printable(text, lines=True))


def limits_of(no_limits: bool) -> Limits:
    """What a model file of the command line may take."""
    from secateur.runtime import Limits

    return Limits.trusted() if no_limits else Limits()


def print_json(content: Any) -> None:
    typer.echo(json.dumps(json_ready(content), indent=1, allow_nan=False))


def open_source(
    spec: str, checkpoint: str | None, input_shape: Sequence[str] | None, *, trust: bool = False
) -> Network:
    """The network that a verb was given."""
    from secateur.network import load_network, parse_shape

    shapes = [parse_shape(text) for text in input_shape or ()]
    if checkpoint is None or not checkpoint.endswith(".safetensors") or spec.endswith(".pt2"):
        return load_network(spec, checkpoint=checkpoint, input_shapes=shapes, trust=trust)
    network = load_network(spec, input_shapes=shapes, trust=trust)
    from secateur.prune import load

    load(checkpoint, network.module)
    return dataclasses.replace(network, weights=os.path.basename(checkpoint))


def output_path(path: Path, suffix: str) -> Path:
    """`path`, checked before any work is done: its folder must stand, its ending must be the format's. What
    is no regular file, such as /dev/null, may have any name."""
    if writes_through(path):
        return path
    if path.suffix != suffix:
        raise InvalidArgumentError(f"the output {path} should end in {suffix}")
    if not path.parent.is_dir():
        raise InvalidArgumentError(f"the folder {path.parent} does not exist")
    if path.is_dir():
        raise InvalidArgumentError(f"the output {path} is a folder")
    return path


def size(count: float) -> str:
    """Bytes for people.

    >>> size(512), size(119_000), size(13_400_000)
    ('512 B', '119.0 kB', '13.4 MB')
    """
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def shape(sizes: Sequence[int]) -> str:
    """

    >>> shape((1, 64, 7, 7))
    '1x64x7x7'
    """
    return "x".join(map(str, sizes))
