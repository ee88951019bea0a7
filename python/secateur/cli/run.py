"""`secateur run`: arrays through a model file."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secateur.cli.common import Json, NoLimits, Threads, limits_of, print_json, say, stdout
from secateur.cli.devices import Runner
from secateur.cli.remote import DeviceName, deployed, measured, tell_sensors
from secateur.errors import InvalidArgumentError, ModelNotFoundError
from secateur.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from secateur.deploy.measure import Measured
    from secateur.runtime import Session


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL.sct", help="A model file.", show_default=False)],
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input", help="Array to run (.npy, of the input's dtype); once per input. Noise by default."
        ),
    ] = None,
    outputs: Annotated[
        list[Path] | None, typer.Option("--output", help="Where to save a result (.npy); once per output.")
    ] = None,
    threads: Threads = 1,
    repeat: Annotated[
        int | None,
        typer.Option("--repeat", min=1, help="Inferences to time; by default 20, or 2 s of them."),
    ] = None,
    warmup: Annotated[int, typer.Option("--warmup", min=0, help="Untimed inferences before.")] = 2,
    profile: Annotated[bool, typer.Option("--profile", help="Show the time of each layer.")] = False,
    no_limits: NoLimits = False,
    device: DeviceName = None,
    runner: Runner = None,
    json: Json = False,
) -> None:
    """Run a model on arrays, and time it: here, or on a device.

    Example: secateur run model.sct --input x.npy --output y.npy --repeat 100 --profile
    """
    import numpy as np

    import secateur as sct

    found = Run(threads)
    limits = limits_of(no_limits)
    with sct.Session(model, threads=1 if device else threads, limits=limits) as session:
        arrays = [read_array(path) for path in inputs or ()]
        arrays = arrays or noise(session.inputs, np.random.default_rng(0))
        if outputs and len(outputs) != len(session.outputs):
            raise InvalidArgumentError(
                f"the model has {len(session.outputs)} outputs; --output is given {len(outputs)} times"
            )
        found.ports = session.outputs
        if device is None:
            found.here(session, arrays, repeat, warmup, profile)
        elif inputs:
            session.run(*arrays)  # what does not fit is refused before anybody connects
    if device is not None:
        found.there(device, model, runner, arrays, repeat, warmup, profile, no_limits, quiet=json)
    for path, array in zip(outputs or (), found.results, strict=False):
        _write_array(path, array)
    if json:
        print_json(found.document(file_bytes=model.stat().st_size))
    else:
        found.tell()
    if found.interrupted:
        raise KeyboardInterrupt


@dataclass
class Run:
    """What running a model came to, here or on a device: the document "secateur-run/1", and the text."""

    asked: int
    ports: list[dict[str, Any]] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)  # model, isa, threads, memory
    interrupted: bool = False
    device: str | None = None
    measured: Measured | None = None

    def here(
        self, session: Session, arrays: list[Any], repeat: int | None, warmup: int, profile: bool
    ) -> None:
        """On this machine."""
        result, self.samples, self.interrupted = _timed(session, arrays, repeat, warmup)
        self.results = list(result) if isinstance(result, tuple) else [result]
        if profile and not self.interrupted:
            self.layers = session.profile(runs=max(len(self.samples), 10))
        memory = {key: session.memory[key] for key in ("arena", "scratch", "packed")}
        self.facts = {
            "model": session.name,
            "isa": session.isa,
            "threads": session.threads,
            "memory": memory,
        }

    def there(
        self,
        device: str,
        model: Path,
        runner: Path | None,
        arrays: list[Any],
        repeat: int | None,
        warmup: int,
        profile: bool,
        no_limits: bool,
        *,
        quiet: bool,
    ) -> None:
        """On a device."""
        from secateur.deploy.measure import OnDevice

        options = ["--no-limits"] if no_limits else []
        with deployed(device, model, runner) as (connected, workspace, path):
            on = OnDevice(connected, workspace, path, arrays, self.ports, threads=self.asked, options=options)
            self.results = on.answer()
            self.measured = measured(on, device, repeat, warmup, quiet=quiet)
            self.samples, self.interrupted = self.measured.samples, self.measured.interrupted
            if profile and not self.interrupted:
                self.layers = on.profile(max(len(self.samples), 10))
        self.device = device
        self.facts = {key: self.measured.report.get(key) for key in ("model", "isa", "threads", "memory")}

    def document(self, **extra: Any) -> dict[str, Any]:
        """As `secateur-run --json` prints it, and what that does not know."""
        import numpy as np

        from secateur.bench.stats import summarize

        described = [
            {
                "name": port["name"],
                "shape": list(y.shape),
                "min": float(y.min()),
                "max": float(y.max()),
                "not_finite": int(y.size - np.isfinite(y).sum()),
            }
            for port, y in zip(self.ports, self.results, strict=True)
        ]
        document = {
            "schema": "secateur-run/1",
            **self.facts,
            **extra,
            "outputs": described,
            "stats_ns": summarize(self.samples).to_dict(),
            "samples_ns": self.samples,
            "layers": self.layers,
            "interrupted": self.interrupted,
        }
        if self.measured is not None:
            document |= {"device": self.device, "sensors": self.measured.sensors()}
        return document

    def tell(self) -> None:
        from secateur.bench.stats import milliseconds, summarize

        if self.layers:
            stdout().print(_profile_table(self.layers))
        for port, y in zip(self.ports, self.results, strict=True):
            flat = y.ravel()
            first = " ".join(f"{v:.4g}" for v in flat[:6]) + (" ..." if flat.size > 6 else "")
            say(f"{printable(port['name'])} {'x'.join(map(str, y.shape))}: {first}")
        summary = summarize(self.samples)
        if summary.count > 1:
            times = f"median {milliseconds(summary.median)} ms, p90 {milliseconds(summary.p90)} ms, "
            times += f"min {milliseconds(summary.min)} ms of {summary.count}"
        else:
            times = f"one inference: {milliseconds(summary.median)} ms"
        threads = int(self.facts["threads"])
        fewer = f" (all that there are; {self.asked} asked)" if self.asked > threads else ""
        where = f" on {self.device}, {self.facts['isa']} kernels" if self.device else ""
        say(f"{times}, {threads} thread{'s' if threads > 1 else ''}{fewer}{where}")
        if self.measured is not None:
            tell_sensors(self.measured)


def noise(ports: list[dict[str, Any]], rng: np.random.Generator) -> list[NDArray[Any]]:
    """What a model's inputs may hold: N(0, 1), bytes at random, zeros of what may be a number of
    something."""
    import numpy as np

    arrays: list[NDArray[Any]] = []
    for port in ports:
        dtype = np.dtype(port["dtype"])
        if dtype.kind == "f":
            arrays.append(rng.standard_normal(port["shape"]).astype(dtype))
        elif dtype.itemsize == 1 and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            arrays.append(rng.integers(limits.min, limits.max + 1, port["shape"], dtype))
        else:
            arrays.append(np.zeros(port["shape"], dtype))
    return arrays


# Without --repeat: so many inferences, or as many as this takes.
DEFAULT_REPEAT, DEFAULT_NS = 20, 2_000_000_000


def _timed(
    session: Any, arrays: list[NDArray[Any]], repeat: int | None, warmup: int
) -> tuple[Any, list[int], bool]:
    """(the last result, nanoseconds of each inference, whether it was interrupted); an interrupt keeps what
    was measured."""
    samples: list[int] = []
    result = None
    begin = time.perf_counter_ns()
    try:
        for _ in range(warmup):
            session.run(*arrays)
        for _ in range(repeat or DEFAULT_REPEAT):
            start = time.perf_counter_ns()
            result = session.run(*arrays)
            samples.append(time.perf_counter_ns() - start)
            if repeat is None and time.perf_counter_ns() - begin > DEFAULT_NS:
                break
    except KeyboardInterrupt:
        if not samples:
            raise
        return result, samples, True
    return result, samples, False


def read_array(path: Path) -> Any:
    """The array in a .npy file. Raises ModelNotFoundError or InvalidArgumentError."""
    import numpy as np

    if not path.exists():
        raise ModelNotFoundError(f"no array at {path}")
    if not path.is_file():
        raise InvalidArgumentError(f"{path} is not a .npy file but a folder, a device or a pipe")
    try:
        with path.open("rb") as file:
            array = np.load(file, allow_pickle=False)
    except MemoryError:
        raise InvalidArgumentError(f"{path} says that it holds more than memory does") from None
    except Exception as error:  # its header is Python, and parsed as such
        raise InvalidArgumentError(f"{path} is not a .npy file: {error}") from None
    if not isinstance(array, np.ndarray):
        raise InvalidArgumentError(f"{path} holds several arrays; give one .npy file per input")
    return array


def _write_array(path: Path, array: Any) -> None:
    import numpy as np

    from secateur.files import save_atomically

    buffer = io.BytesIO()
    np.save(buffer, array)
    save_atomically(path, buffer.getvalue())


def _profile_table(layers: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    total = sum(row["median_ns"] for row in layers)
    table = Table(box=box.SIMPLE_HEAD, show_footer=True)
    table.add_column("layer", overflow="fold", footer=f"{len(layers)} layers")
    table.add_column("kernel", overflow="fold")
    for name, footer in (("median µs", f"{total / 1e3:.1f}"), ("share", ""), ("GFLOP/s on nonzeros", "")):
        table.add_column(name, justify="right", footer=footer)
    for row in layers:
        speed = f"{2 * row['macs'] / row['median_ns']:.1f}" if row["macs"] and row["median_ns"] else ""
        share = f"{row['median_ns'] / total:.1%}" if total else ""
        table.add_row(printable(row["name"]), row["kernel"], f"{row['median_ns'] / 1e3:.1f}", share, speed)
    return table
