"""`tune`: each distinct layer of some models, in the ways that might be fastest, into a machine profile."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from secateur import _core
from secateur.errors import InvalidArgumentError, SecateurError
from secateur.files import save_atomically
from secateur.tune.layers import DENSITIES, SHAPES, layer_model

# Of one model's time, at most what one layer gets: a network of few layers is soon done.
LONGEST = 1.0


@dataclass(frozen=True)
class Progress:
    """One layer was measured: the `done`th of `total`. Nanoseconds of an execution in its fastest plan, and
    in the one that the constants choose."""

    done: int
    total: int
    layer: str
    ns: int
    planned_ns: int


class Measures(Protocol):
    """What `tune` asks of a `_core.Tuner`; tests give one whose clock is made up."""

    def __len__(self) -> int: ...
    def resume(self, profile: str) -> None: ...
    def add_model(self, data: bytes, formats: bool = True) -> None: ...
    def layer_name(self, i: int) -> str: ...
    def measure_peaks(self) -> None: ...
    def measure(self, i: int, seconds: float) -> None: ...
    @property
    def plans(self) -> list[list[int]]: ...
    def profile(self, cpu_name: str = "") -> str: ...


def cpu_name() -> str:
    """What this CPU is called, for people.

    >>> isinstance(cpu_name(), str)
    True
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip().lower() in {"model name", "hardware"}:
            return value.strip()
    return platform.processor() or platform.machine()


def tune(
    models: Sequence[str | os.PathLike[str] | bytes] = (),
    *,
    threads: int = 1,
    isa: str | None = None,
    seconds: float = 45.0,
    output: str | os.PathLike[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    fresh: bool = False,
    tuner: Measures | None = None,
) -> Path:
    """Measures this machine, and writes its profile after every layer, so that an interrupt keeps what is
    done. Returns the profile's path.

    models: model files, or their bytes, whose layers are measured; none: a set of common layers.
    threads: that sessions of these models will use; plans are kept for each number.
    isa: the instruction set, as of a `Session`.
    seconds: about so long for each model, 60 at most with what else is done.
    output: the profile; by default this user's of this machine, which models are opened by from then on. One
        that is there is added to, where it is of this machine, unless `fresh`.
    progress: called after each layer.

    Raises ModelNotFoundError, ModelFileError, SaveError, InvalidArgumentError.

    >>> import tempfile
    >>> from secateur.tune.layers import Shape, layer_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tune([layer_model(Shape(8, 8, 4), 0.5)], seconds=0.01, output=f"{folder}/p.json")
    ...     path.name
    'p.json'
    """
    if not seconds > 0:
        raise InvalidArgumentError(f"seconds is {seconds}, must be above 0")
    path = Path(output if output is not None else _core.profile_path(isa or ""))
    if path == Path():
        raise InvalidArgumentError("no cache folder is known here (no HOME): say where the profile goes")
    contents = [model if isinstance(model, bytes) else _read(model) for model in models]
    if not models:
        contents = [layer_model(shape, density) for shape in SHAPES for density in DENSITIES]
    if tuner is None:
        tuner = _core.Tuner(isa or "", threads)
    if path.exists() and not fresh:
        _resume(tuner, path)
    for content in contents:
        tuner.add_model(content, True)
    path.parent.mkdir(parents=True, exist_ok=True)
    tuner.measure_peaks()
    total = len(tuner)
    each = min(LONGEST, seconds * max(1, len(models)) / max(1, total))
    name = cpu_name()
    save_atomically(path, tuner.profile(name).encode())
    columns = _core.PROFILE_COLUMNS
    for i in range(total):
        tuner.measure(i, each)
        save_atomically(path, tuner.profile(name).encode())
        if progress is not None:
            plan = dict(zip(columns, tuner.plans[-1], strict=True))
            progress(Progress(i + 1, total, tuner.layer_name(i), plan["ns"], plan["planned_ns"]))
    return path


def _read(model: str | os.PathLike[str]) -> bytes:
    from secateur.errors import ModelNotFoundError

    try:
        return Path(model).read_bytes()
    except FileNotFoundError:
        raise ModelNotFoundError(f"there is no model file {os.fspath(model)!r}") from None


def _resume(tuner: Measures, path: Path) -> None:
    try:
        tuner.resume(path.read_text())
    except (SecateurError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(
            f"{str(path)!r} stands there and cannot be added to: {error}; name another file, or measure "
            "afresh"
        ) from None
