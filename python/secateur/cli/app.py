"""Puts the verbs together, and turns errors into one sentence and an exit status."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer

from secateur.distribution import install
from secateur.errors import SecateurError
from secateur.text import printable

# Which extra brings a package that a verb may find missing.
EXTRAS = {
    "torch": "torch",
    "sklearn": "demo",
    "matplotlib": "demo",
    "onnxruntime": "bench",
    "onnxscript": "bench",
}
FAILED, USAGE, INTERNAL, INTERRUPTED = 1, 2, 70, 130

app = typer.Typer(
    name="secateur",
    help="Prune PyTorch networks, compile them, and run them sparse and fast on CPUs.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
_debug = False


def _show_version(wanted: bool) -> None:
    if wanted:
        import secateur

        typer.echo(f"secateur {secateur.__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    global _debug
    _debug = debug or os.environ.get("SECATEUR_DEBUG", "") not in {"", "0"}


def _fail(error: BaseException, sentence: str, status: int, *, json: bool = False) -> typer.Exit:
    """Prints the sentence to stderr, with `json` also as a document to stdout; to be raised."""
    if json:
        from secateur.cli.common import print_json

        print_json({"error": {"type": type(error).__name__, "message": sentence, "status": status}})
    one_line = printable(sentence.replace("\n", " "))
    print(f"secateur: error: {one_line}", file=sys.stderr)
    if _debug:
        traceback.print_exc()
    return typer.Exit(status)


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """A verb that ends with one clear sentence and a status that is not zero, whatever goes wrong."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        fail = functools.partial(_fail, json=bool(kwargs.get("json")))
        try:
            return function(*args, **kwargs)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            print("secateur: interrupted", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        except SecateurError as error:
            raise fail(error, _sentence(error), FAILED) from None
        except ImportError as error:
            missing = (error.name or "").split(".")[0]
            if missing not in EXTRAS:
                raise fail(error, f"{type(error).__name__}: {error}", INTERNAL) from None
            extra = EXTRAS[missing]
            raise fail(error, f"this needs {missing}: {install(extra)}", FAILED) from None
        except (OSError, MemoryError) as error:
            raise fail(error, _sentence(error), FAILED) from None
        except Exception as error:
            hint = "" if _debug else "; `secateur --debug ...` shows where"
            raise fail(error, f"{type(error).__name__}: {_sentence(error)}{hint}", INTERNAL) from None

    return wrapped


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error).strip() or type(error).__name__


def _help(function: Callable[..., Any]) -> tuple[str, str]:
    """(the docstring with its lines joined into paragraphs, its first clause)."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    joined = [" ".join(paragraph.split()) for paragraph in paragraphs]
    return "\n\n".join(joined), re.split(r"[.;:](?:\s|$)", joined[0])[0] + "."


def register() -> None:
    """Adds every verb; each imports what it needs when it runs."""
    from secateur.cli import (
        bench,
        compile,
        demo,
        deploy,
        devices,
        doctor,
        new,
        prune,
        quantize,
        report,
        run,
        tune,
        verify,
    )
    from secateur.cli import inspect as inspect_verb

    for module in (
        prune,
        quantize,
        compile,
        inspect_verb,
        doctor,
        verify,
        deploy,
        run,
        bench,
        tune,
        report,
        demo,
    ):
        name = module.__name__.rpartition(".")[2]
        help, short = _help(module.command)
        no_args = name not in {"bench", "demo", "tune"}
        app.command(name, help=help, short_help=short, no_args_is_help=no_args)(verb(module.command))
    groups = {
        "devices": (devices.VERBS, "The boards and phones that models are deployed to."),
        "new": (new.VERBS, "Projects to begin with."),
    }
    for title, (verbs, about) in groups.items():
        group = typer.Typer(no_args_is_help=True, help=about)
        for name, function in verbs.items():
            help, short = _help(function)
            no_args = name != "list"
            group.command(name, help=help, short_help=short, no_args_is_help=no_args)(verb(function))
        app.add_typer(group, name=title)


register()
