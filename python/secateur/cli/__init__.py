"""The command `secateur`: one file per verb, each imported when it is asked for.

`inspect` and `run` need NumPy, typer and rich only; what needs more says which extra brings it.
"""

from __future__ import annotations

import sys

from secateur.distribution import install


def main() -> None:
    """The entry point of the command."""
    if sys.argv[1:] in (["-V"], ["--version"]):  # needs nothing, and is asked where something is missing
        from secateur._core import __version__

        print(f"secateur {__version__}")
        return
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ImportError as error:
        needs = f"the command needs {error.name}: {install('cli')} (secateur.Session does without)"
        print(f"secateur: error: {needs}", file=sys.stderr)
        sys.exit(1)
    from secateur.cli.app import app

    app()


__all__ = ["main"]
