"""`secateur new app`: a small working project around a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from secateur.cli.common import Json, print_json, say

NEXT = {
    "c": "cmake -S . -B build -DCMAKE_PREFIX_PATH=<unpacked SDK>",
    "cpp": "cmake -S . -B build -DCMAKE_PREFIX_PATH=<unpacked SDK>",
    "python": "python app.py model.sct photo.ppm",
    "android": "SDKs into sdk/<ABI>, then gradle :app:installDebug",
}


def app(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="To be made; the app is called so.", show_default=False)
    ],
    kind: Annotated[str, typer.Option("--kind", help="c, cpp, python or android.", show_default=False)],
    model: Annotated[
        Path,
        typer.Option("--model", help="A compiled model that takes a picture (.sct).", show_default=False),
    ],
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Text file with a line for each class; by default the model's own."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a small working project around a model: pictures or camera frames in, labels out.

    Example: secateur new app birds --kind c --model model.sct --labels birds.txt
    """
    from secateur.apps import new_app

    files = new_app(folder, kind, model, labels)
    if json:
        print_json({"app": folder.name, "kind": kind, "files": [str(file) for file in files]})
        return
    say(f"wrote {folder}: {len(files)} files; README.md says what to do")
    say(f"next: cd {folder}; {NEXT[kind]}")


VERBS: dict[str, Any] = {"app": app}
