"""`secateur bench`: this runtime against the others, on the same network, in one run."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secateur.cli import remote
from secateur.cli.common import Checkpoint, InputShape, Json, Trust, open_source, print_json, stdout
from secateur.cli.demo import pairs
from secateur.cli.devices import Runner
from secateur.errors import InvalidArgumentError
from secateur.text import printable

if TYPE_CHECKING:
    from secateur.bench.watch import Watch
    from secateur.network import Network

DEFAULT_SAMPLES = 30
# MLPerf Inference, single stream: the least of queries and of time; its 90th percentile counts. Its queries
# are of one engine alone; here each follows on an untimed one, since engines take turns.
MLPERF_QUERIES, MLPERF_SECONDS = 1024, 60
MLPERF_ROUND = 64  # inferences of one process on a device
DEFAULT_NETWORKS = "mobilenet_v1,mobilenet_v2,resnet50,encoder"


def numbers(text: str, option: str, low: float, high: float) -> list[float]:
    """The numbers in "0,0.8,0.9", each in [low, high].

    >>> numbers("0,0.9", "--sparsity", 0, 0.99)
    [0.0, 0.9]
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidArgumentError(f"{option} takes numbers separated by commas, not {text!r}") from None
    for value in values:
        if not low <= value <= high:
            raise InvalidArgumentError(f"{option} takes numbers from {low:g} to {high:g}, not {value:g}")
    return values


def command(
    network: Annotated[
        str, typer.Option("--network", help="Networks of the zoo, by name.")
    ] = DEFAULT_NETWORKS,
    model: Annotated[
        str | None, typer.Option("--model", help="Instead: a .pt2 file, module:factory or file.py:factory.")
    ] = None,
    checkpoint: Checkpoint = None,
    input_shape: InputShape = None,
    trust: Trust = False,
    sparsity: Annotated[
        str, typer.Option("--sparsity", help="Sparsities to prune to; 0 is dense.")
    ] = "0,0.8,0.9",
    pattern: Annotated[
        str, typer.Option("--pattern", help="element, a block such as 4x1, or N:M.")
    ] = "element",
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", help="Layers to leave dense; by default the first and the last."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            help="Of secateur, secateur-dense, torch, onnxruntime, openvino, litert, tflite: these by "
            "default; and secateur-int8, secateur-dense-int8, onnxruntime-int8, openvino-int8.",
        ),
    ] = None,
    engine_python: Annotated[
        list[str] | None,
        typer.Option(
            "--engine-python",
            metavar="NAME=PATH",
            help="Python that has onnxruntime, openvino, litert, tflite or litert-torch.",
        ),
    ] = None,
    threads: Annotated[str, typer.Option("--threads", help="Numbers of CPU threads.")] = "1",
    samples: Annotated[
        int | None,
        typer.Option("--samples", min=1, help=f"Timed inferences per engine; {DEFAULT_SAMPLES} by default."),
    ] = None,
    warmup: Annotated[int, typer.Option("--warmup", min=0, help="Untimed rounds before.")] = 3,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for results.json and plots.")] = None,
    cache: Annotated[Path | None, typer.Option("--cache", help="Folder that keeps converted models.")] = None,
    mlperf: Annotated[
        bool,
        typer.Option(
            "--mlperf",
            help="As MLPerf's single stream: at least 1024 inferences and 60 s of each engine; read p90.",
        ),
    ] = False,
    device: remote.DeviceName = None,
    runner: Runner = None,
    litert_tool: Annotated[
        Path | None,
        typer.Option(
            "--litert-tool", help="LiteRT's benchmark_model for the device: it takes part in the turns."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compare engines on the same network, weights and input. They take turns, sample by sample; an
    engine whose output differs from PyTorch's is refused, not timed. With --device secateur and its dense
    self are compiled here for that device's core, and take turns there.

    Example: secateur bench --network mobilenet_v1 --sparsity 0,0.9 --threads 1,2 --out results
    """
    from secateur.bench.engines import make_engines
    from secateur.bench.watch import Watch, sensors_here

    how = How(
        numbers(sparsity, "--sparsity", 0.0, 0.999),
        [int(n) for n in numbers(threads, "--threads", 1, 1024)],
        pattern,
        _samples(samples, mlperf),
        warmup,
        MLPERF_SECONDS * 10**9 if mlperf else 0,
    )
    names = engine.split(",") if engine else None
    sources = functools.partial(_sources, network, model, checkpoint, input_shape, keep, trust)

    def measured(engines: Sequence[Any], watch: Watch, **extra: Any) -> None:
        if mlperf:
            least = {"least_queries": MLPERF_QUERIES, "least_seconds": MLPERF_SECONDS}
            extra["protocol"] = {"name": "single stream, as MLPerf", "percentile": 90, **least}
        _measure_all(sources(), engines, how, watch, out, json=json, extra=extra)

    if device is None:
        if litert_tool is not None:
            raise InvalidArgumentError("--litert-tool goes with --device; here --engine litert runs LiteRT")
        made = make_engines(names, pythons=pairs(engine_python, "--engine-python"), cache=cache)
        measured(made, Watch(sensors_here))
    else:
        round = MLPERF_ROUND if mlperf else None
        litert = None
        if litert_tool is not None:
            litert = (litert_tool, pairs(engine_python, "--engine-python"), cache)
        with remote.board(device, runner, names, round, litert) as (engines, watch, facts):
            measured(engines, watch, machine=facts, host=remote.this_machine())


@dataclass(frozen=True)
class How:
    """What is measured of each network, and for how long."""

    sparsities: Sequence[float]
    thread_counts: Sequence[int]
    pattern: str
    samples: int
    warmup: int
    least_ns: int = 0


def _samples(asked: int | None, mlperf: bool) -> int:
    """
    >>> _samples(None, False), _samples(None, True), _samples(2000, True)
    (30, 1024, 2000)
    """
    if mlperf and asked is not None and asked < MLPERF_QUERIES:
        raise InvalidArgumentError(
            f"--mlperf asks for at least {MLPERF_QUERIES} samples, --samples for {asked}"
        )
    return asked or (MLPERF_QUERIES if mlperf else DEFAULT_SAMPLES)


def _measure_all(
    sources: Sequence[tuple[Network, Sequence[str]]],
    engines: Sequence[Any],
    how: How,
    watch: Watch,
    out: Path | None,
    *,
    json: bool,
    extra: dict[str, Any],
) -> None:
    """Measures, shows each result when it is there, and keeps what there is when it is interrupted."""
    from secateur.bench.report import document, notes, table, write_json

    if out is not None:
        from secateur.bench.plots import save_all
    console = stdout(stderr=json)
    results: list[Any] = []
    interrupted = False
    try:
        for source, keep_dense in sources:
            for result in measure_source(source, keep_dense, engines, how, console, watch):
                results.append(result)
                if not json:
                    console.print(table(result))
                if out is not None:  # after each: even a run that is killed keeps what it has
                    write_json(out / "results.json", document(results, **extra))
    except KeyboardInterrupt:
        if not results:
            raise
        interrupted = True
    for line in notes(results):
        console.print(line, soft_wrap=True)
    if out is not None:
        for path in save_all(results, out):
            console.print(f"wrote {path}")
        console.print(f"wrote {out / 'results.json'}")
    if json:
        print_json(document(results, interrupted=interrupted, **extra))
    if interrupted:
        raise KeyboardInterrupt


def _sources(
    network: str,
    model: str | None,
    checkpoint: str | None,
    input_shape: list[str] | None,
    keep: list[str] | None,
    trust: bool,
) -> list[tuple[Network, Sequence[str]]]:
    from secateur import zoo
    from secateur.bench.networks import zoo_network

    if model is not None:
        return [(open_source(model, checkpoint, input_shape, trust=trust), tuple(keep or ()))]
    names = network.split(",")
    for name in names:
        if name not in zoo.NETWORKS:
            raise InvalidArgumentError(f"the zoo has no {name!r}; it has {', '.join(zoo.NETWORKS)}")
    if checkpoint is not None and len(names) > 1:
        raise InvalidArgumentError("--checkpoint goes with one --network or with --model")
    return [zoo_network(name, checkpoint) for name in names]


def measure_source(
    source: Network,
    keep_dense: Sequence[str],
    engines: Sequence[Any],
    how: How,
    console: Any,
    watch: Watch | None = None,
) -> Iterator[Any]:
    """One result per sparsity and number of threads, each as soon as it is measured."""
    import warnings

    from rich.text import Text

    from secateur.bench.harness import measure
    from secateur.bench.networks import workloads
    from secateur.bench.report import Result
    from secateur.deploy.facts import told

    with warnings.catch_warnings(), console.status(Text(f"{printable(source.name)}: pruning")) as status:
        warnings.simplefilter("ignore")  # converters' and torch.export's own are not the user's
        for workload in workloads(source, how.sparsities, pattern=how.pattern, keep_dense=keep_dense):
            # A dense network is its own dense self.
            taking_part = [e for e in engines if workload.sparsity > 0 or e.name != "secateur-dense"]
            for count in how.thread_counts:

                def progress(text: str, done: int, total: int) -> None:
                    status.update(Text(f"{printable(text)} {done}/{total}"))

                outcomes = measure(
                    taking_part,
                    workload,
                    threads=count,
                    samples=how.samples,
                    warmup=how.warmup,
                    least_ns=how.least_ns,
                    watch=watch,
                    progress=progress,
                )
                result = Result(workload, count, outcomes)
                result.sensors = told(watch.take()) if watch is not None else {}
                _add_layers(result, engines, workload, count)
                yield result
            workload.release()


def _add_layers(result: Any, engines: Sequence[Any], workload: Any, threads: int) -> None:
    """Time per layer, of the pruned network and of its dense self, where both are measured."""
    import secateur as sct

    timed = {o.engine for o in result.outcomes if o.status == "ok"}
    for engine in engines:
        if engine.name in timed and engine.name in {"secateur", "secateur-dense"}:
            if hasattr(engine, "profile"):  # not on this machine
                rows = engine.profile(workload, threads, 10)
            else:
                with sct.Session(engine.model_file(workload), threads=threads) as session:
                    rows = session.profile(runs=10)
            if engine.name == "secateur":
                result.layers = rows
            else:
                result.dense_layers = rows
