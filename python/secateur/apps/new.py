"""Writes a project from its template: the files of `templates/KIND`, with names filled in, and the model."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from secateur import _core
from secateur.distribution import NAME
from secateur.errors import InvalidArgumentError, SaveError
from secateur.runtime import Limits, Session

TEMPLATES = Path(__file__).resolve().parent / "templates"
# Kind of app -> the folder in it that the model and its labels go to.
KINDS = {"c": "", "cpp": "", "python": "", "android": "app/src/main/assets"}
_TAKEN = {"all", "clean", "help", "install", "package", "secateur", "secateur_jni", "test"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def new_app(folder: str | os.PathLike[str], kind: str, model: Path, labels: Path | None = None) -> list[Path]:
    """Makes the folder, whole or not at all, and returns its files.

    kind: one of `KINDS`. model: a compiled model that takes one picture of three channels, float32 or uint8,
    and gives float32 scores. labels: a text file of a line for each class; by default what the model
    itself keeps under "labels". The app is called as the folder.

    Raises InvalidArgumentError (the folder is there already, its name is none for a program, the model takes
    something else), ModelNotFoundError, ModelFileError, SaveError.
    """
    target = Path(os.path.abspath(folder))
    if kind not in KINDS:
        raise InvalidArgumentError(f"there is no app of kind {kind!r}; there are {', '.join(KINDS)}")
    if not _NAME.fullmatch(target.name):
        raise InvalidArgumentError(
            f"an app is called as its folder: a letter, then letters, digits, '-', '_', not {target.name!r}"
        )
    if target.name.lower() in _TAKEN:
        raise InvalidArgumentError(
            f"{target.name!r} means something to CMake or is the library: take another name"
        )
    if os.path.lexists(target):
        raise InvalidArgumentError(f"{target} is there already: name a new folder")
    if not target.parent.is_dir():
        raise InvalidArgumentError(f"the folder {target.parent} does not exist")
    kept = _check_model(model)
    if labels is not None and not labels.is_file():
        raise InvalidArgumentError(f"there is no file of labels {str(labels)!r}")
    words = {"NAME": target.name, "VERSION": ".".join(_core.__version__.split(".")[:2]), "DISTRIBUTION": NAME}
    try:
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _write(beside, kind, words)
            for file, name in ((model, "model.sct"), (labels, "labels.txt")):
                if file is not None:
                    (beside / KINDS[kind]).mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, beside / KINDS[kind] / name)
            if labels is None and kept:
                lines = "".join(f"{label}\n" for label in kept)
                (beside / KINDS[kind] / "labels.txt").write_text(lines, encoding="utf-8")
            beside.chmod(0o777 & ~_umask())
            os.rename(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise SaveError(f"cannot write {target}: {error.strerror or error}") from error
    return sorted(path for path in target.rglob("*") if path.is_file())


def _write(folder: Path, kind: str, words: dict[str, str]) -> None:
    """Every file of the template; one that ends in .in loses that."""
    root = TEMPLATES / kind
    for source in sorted(root.rglob("*")):
        if not source.is_file():
            continue
        path = folder / source.relative_to(root)
        path = path.with_suffix("") if path.suffix == ".in" else path
        path.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        path.write_text(text, encoding="utf-8")


def _check_model(path: Path) -> list[str]:
    """Before anything is written: the app would refuse the model only when it runs. The labels it keeps, each
    fit for a line."""
    with Session(path, limits=Limits.trusted()) as session:
        inputs, outputs, kept = session.inputs, session.outputs, session.metadata.get("labels")
    shape = list(inputs[0]["shape"])
    picture = len(shape) == 4 and shape[0] == 1 and 3 in (shape[1], shape[3])
    if len(inputs) != 1 or not picture or inputs[0]["dtype"] not in ("float32", "uint8"):
        found = "; ".join(f"{port['dtype']} {'x'.join(map(str, port['shape']))}" for port in inputs)
        raise InvalidArgumentError(
            f"an app takes one picture, float32 or uint8 of 1x3xHxW or 1xHxWx3; {path} takes {found}"
        )
    if len(outputs) != 1 or outputs[0]["dtype"] != "float32":
        raise InvalidArgumentError(f"an app shows the scores of one float32 output; {path} has other outputs")
    return [" ".join(str(label).splitlines()) for label in kept] if isinstance(kept, list) else []


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
