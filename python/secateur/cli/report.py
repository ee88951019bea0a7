"""`secateur report`: results of several devices and models in one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secateur.cli.common import Json, output_path, print_json, say


def command(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS.json...",
            help="Of `secateur bench --out` and `secateur run --json`; each is a column.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page (.html).", show_default=False)],
    json: Json = False,
) -> None:
    """Set the results of several devices and models side by side, in one page that needs nothing else.

    Example: secateur report pi4/results.json pi5/results.json -o report.html
    """
    from secateur.bench.page import page, read_results
    from secateur.files import save_atomically

    output_path(output, ".html")
    columns = [read_results(path) for path in results]
    save_atomically(output, page(columns).encode())
    models = list(dict.fromkeys(timed.model for column in columns for timed in column.times))
    if json:
        print_json({"output": str(output), "devices": [c.title for c in columns], "models": models})
        return
    devices = f"{len(columns)} device{'s' if len(columns) > 1 else ''}"
    say(f"wrote {output}: {devices}, {len(models)} model{'s' if len(models) > 1 else ''}")
