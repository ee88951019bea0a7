"""`tune` on a device: `secateur-tune` measures there, and its profile comes home.

Each model is measured by a process of its own and its rows are saved here before the next begins: what ends a
command, the connection included, costs the model at hand and no other.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secateur.deploy.device import Device, Workspace
from secateur.deploy.measure import explain
from secateur.deploy.runner import TUNER, find_runner
from secateur.errors import DeviceError, InvalidArgumentError, SaveError
from secateur.files import save_atomically
from secateur.machine import read_profile
from secateur.tune import Progress
from secateur.tune.layers import DENSITIES, SHAPES, layer_model

PROFILE = "profile.json"
# What secateur-tune prints of each layer (csrc/tools/tune.cc).
_STEP = re.compile(r"\[(\d+)/(\d+)\] (.*): ([\d.]+) us, ([\d.]+) as the constants choose")


@dataclass
class Tuned:
    """The profile's place here, and what slowed the device down while it was measured."""

    path: Path
    throttling: list[str] = field(default_factory=list)


def steps(printed: str) -> list[Progress]:
    """The layers that secateur-tune has told of so far.

    >>> steps("[1/2] csr 8->8 @ 4x4 k1s1, 20.0% nonzeros: 1.5 us, 2.0 as the constants choose\\n[2/2] den")
    [Progress(done=1, total=2, layer='csr 8->8 @ 4x4 k1s1, 20.0% nonzeros', ns=1500, planned_ns=2000)]
    """
    found = (_STEP.fullmatch(line) for line in printed.splitlines())
    return [
        Progress(int(m[1]), int(m[2]), m[3], round(float(m[4]) * 1000), round(float(m[5]) * 1000))
        for m in found
        if m
    ]


def tune(
    device: Device,
    models: Sequence[bytes],
    output: Path,
    *,
    threads: int = 1,
    isa: str | None = None,
    seconds: float = 45.0,
    fresh: bool = False,
    program: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Tuned:
    """Measures a device that is connected, and saves its profile here after each model.

    models: model files' bytes; none: a set of common layers. output: the profile here; what stands there is
    added to unless `fresh`. seconds: about so long for each model. program: secateur-tune for that device.
    progress: called after each layer. An interrupt saves what was measured until then, and goes on as one.

    Raises DeviceError, SaveError, InvalidArgumentError: `output` is no profile, or another machine's.
    """
    if not seconds > 0:
        raise InvalidArgumentError(f"seconds is {seconds}, must be above 0")
    known = None if fresh or not output.exists() else _known(output)
    _make_folder(output.parent)
    device.put(
        find_runner(device.machine, program, device=device.entry.name, program=TUNER), TUNER, mode="700"
    )
    words = ["--threads", str(threads), *(["--isa", isa] if isa else [])]
    tuned = Tuned(output)
    groups = [[model] for model in models]
    if not models:
        groups = [[layer_model(shape, density) for shape in SHAPES for density in DENSITIES]]
    with device.workspace() as workspace:
        if known is not None:
            workspace.write(PROFILE, known)
        for group in groups:
            paths = [workspace.write(f"{i}.sct", model) for i, model in enumerate(group)]
            options = [*words, "--seconds", f"{seconds / len(group):.6g}"]
            with _saved(workspace, output):
                _measure(device, workspace, [*paths, *options], output, progress, tuned)
    return tuned


def _measure(
    device: Device,
    workspace: Workspace,
    words: list[str],
    output: Path,
    progress: Callable[[Progress], None] | None,
    tuned: Tuned,
) -> None:
    told = 0

    def hear(printed: str) -> None:
        nonlocal told
        for step in steps(printed)[told:]:
            told += 1
            if progress is not None:
                progress(step)

    profile = f"{workspace.name}/{PROFILE}"
    ran = workspace.run(*words, "--output", profile, program=TUNER, hear=hear)
    looks = (ran.before, *ran.during, ran.after)
    tuned.throttling = sorted({*tuned.throttling, *(word for look in looks for word in look.throttling)})
    if ran.status == 0:
        return
    if "cannot be added to" in ran.err:
        raise device.error(
            f"it is not the machine, or not the instruction set, of which {output} was measured: measure "
            "afresh by --fresh, or into another file by -o"
        )
    raise explain(device, ran, TUNER)


@contextlib.contextmanager
def _saved(workspace: Workspace, output: Path) -> Iterator[None]:
    """Brings the profile home at the end, and what there is of it at an interrupt."""
    try:
        yield
    except KeyboardInterrupt:
        with contextlib.suppress(DeviceError):  # nothing was measured yet, or nobody answers
            _bring_home(workspace, output)
        raise
    _bring_home(workspace, output)


def _bring_home(workspace: Workspace, output: Path) -> None:
    text = workspace.read(PROFILE)
    try:
        read_profile(f"{workspace.folder}/{PROFILE}", text)
    except InvalidArgumentError as error:
        raise workspace.error(f"{error}: give the secateur-tune of this version by --runner") from None
    save_atomically(output, text)


def _known(path: Path) -> bytes:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InvalidArgumentError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        read_profile(str(path), text)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"{error}; measure afresh by --fresh, or into another file by -o"
        ) from None
    return text


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"cannot make the folder {folder}: {error.strerror or error}") from error
