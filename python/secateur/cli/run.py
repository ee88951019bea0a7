"""`secateur run`: arrays through a model file."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secateur.cli.common import Json, NoLimits, Threads, limits_of, print_json, say, stdout
from secateur.errors import InvalidArgumentError, ModelNotFoundError
from secateur.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from secateur.bench.stats import Summary


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL.sct", help="A model file.", show_default=False)],
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", help="Array to run (.npy, float32); once per input. Noise by default."),
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
    json: Json = False,
) -> None:
    """Run a model on arrays, and time it.

    Example: secateur run model.sct --input x.npy --output y.npy --repeat 100 --profile
    """
    import numpy as np

    import secateur as sct
    from secateur.bench.stats import summarize

    with sct.Session(model, threads=threads, limits=limits_of(no_limits)) as session:
        ports = session.inputs
        arrays: list[NDArray[np.float32]]
        if inputs:
            arrays = [read_array(path) for path in inputs]
        else:
            rng = np.random.default_rng(0)
            arrays = [rng.standard_normal(port["shape"]).astype(np.float32) for port in ports]
        if outputs and len(outputs) != len(session.outputs):
            raise InvalidArgumentError(
                f"the model has {len(session.outputs)} outputs; --output is given {len(outputs)} times"
            )
        result, samples, interrupted = _timed(session, arrays, repeat, warmup)
        results = list(result) if isinstance(result, tuple) else [result]
        layers = session.profile(runs=max(len(samples), 10)) if profile and not interrupted else []
        names = [port["name"] for port in session.outputs]
        used = session.threads
    for path, array in zip(outputs or (), results, strict=False):
        _write_array(path, array)
    summary = summarize(samples)
    if json:
        described = [
            {
                "name": n,
                "shape": list(y.shape),
                "min": float(y.min()),
                "max": float(y.max()),
                "not_finite": int(y.size - np.isfinite(y).sum()),
            }
            for n, y in zip(names, results, strict=True)
        ]
        print_json(
            {
                "outputs": described,
                "stats_ns": summary.to_dict(),
                "threads": used,
                "layers": layers,
                "interrupted": interrupted,
            }
        )
    else:
        _print(names, results, summary, used, layers, asked=threads)
    if interrupted:
        raise KeyboardInterrupt


def _print(
    names: list[str],
    results: list[Any],
    summary: Summary,
    threads: int,
    layers: list[dict[str, Any]],
    *,
    asked: int,
) -> None:
    from secateur.bench.stats import milliseconds

    if layers:
        stdout().print(_profile_table(layers))
    for name, y in zip(names, results, strict=True):
        flat = y.ravel()
        first = " ".join(f"{v:.4g}" for v in flat[:6]) + (" ..." if flat.size > 6 else "")
        say(f"{printable(name)} {'x'.join(map(str, y.shape))}: {first}")
    if summary.count > 1:
        times = f"median {milliseconds(summary.median)} ms, p90 {milliseconds(summary.p90)} ms, "
        times += f"min {milliseconds(summary.min)} ms of {summary.count}"
    else:
        times = f"one inference: {milliseconds(summary.median)} ms"
    fewer = f" (all that there are; {asked} asked)" if asked > threads else ""
    say(f"{times}, {threads} thread{'s' if threads > 1 else ''}{fewer}")


# Without --repeat: so many inferences, or as many as this takes.
DEFAULT_REPEAT, DEFAULT_NS = 20, 2_000_000_000


def _timed(
    session: Any, arrays: list[NDArray[np.float32]], repeat: int | None, warmup: int
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
        array = np.load(path, allow_pickle=False)
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
