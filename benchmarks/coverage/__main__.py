"""Which networks compile and match PyTorch: `make coverage`, or `python benchmarks/coverage --only 'timm/*'`.

Each network is made with random weights, compiled and compared in a process of its own, which starts with all
packages imported. The report has a line for each: parameters, seconds to compile, the largest difference from
PyTorch over the largest output, or why not. Packages that are not installed give no networks.

--sparsity 0.8 prunes them first; --arm runs each on emulated cores of Raspberry Pis, too. --resume keeps the
rows of the networks that match in build/coverage/coverage.jsonl (coverage-0.8.jsonl) and tries the others;
--keep writes benchmarks/coverage/coverage.json and docs/coverage.md from the rows of both and ends.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import io
import json
import multiprocessing
import pathlib
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import boards
from designs import design_networks
from distance import LIMIT, error
from document import keep, report
from packages import import_all, package_networks
from papers import paper_networks
from plain import plain_networks
from recent import recent_networks
from series import series_networks

PRUNED = 0.8  # the sparsity that the kept table has beside dense


def networks() -> dict[str, Any]:
    plain = plain_networks() | series_networks() | design_networks() | paper_networks() | recent_networks()
    return plain | package_networks()


def reasons(error: Exception) -> list[str]:
    """What stands in the way, each in a few words; of an error that lists operators, all of them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[:12] or [type(error).__name__]


def examine(name: str, sparsity: float, arm: bool) -> dict[str, Any]:
    """One network, here and, where asked for, on emulated boards."""
    import numpy as np
    import torch

    import secateur as sct
    from secateur.prune import prune_oneshot

    torch.manual_seed(0)
    torch.set_num_threads(1)
    row: dict[str, Any] = {"name": name, "ok": False}
    try:
        model, inputs = networks()[name]()
    except Exception as failure:
        return row | {"stage": "make", "why": reasons(failure)}
    model.eval()
    _as_if_trained(model)
    with torch.no_grad():
        model(*[x.clone() for x in inputs])  # some change their weights once, in their first run (RWKV)
    row["parameters"] = sum(p.numel() for p in model.parameters())
    try:
        if sparsity:
            prune_oneshot(model, sparsity=sparsity)
    except Exception as failure:
        return row | {"stage": "prune", "why": reasons(failure)}
    begin = time.perf_counter()
    try:
        program = sct.compile(model, inputs)
    except Exception as failure:
        return row | {"stage": "compile", "why": reasons(failure), "seconds": time.perf_counter() - begin}
    row["seconds"] = time.perf_counter() - begin
    row["operators"] = dict(Counter(layer.op for layer in program.layers))
    fresh = [torch.randn_like(x) if x.is_floating_point() else _other_numbers(x) for x in inputs]
    with torch.no_grad():
        try:
            want = model(*fresh)
        except RuntimeError:  # offsets of bags begin at 0: not any numbers will do
            fresh = [x if x.is_floating_point() else given for x, given in zip(fresh, inputs, strict=True)]
            want = model(*fresh)
        wanted = [t for t in _leaves(want) if isinstance(t, torch.Tensor)]
        if not all(t.isfinite().all() for t in wanted):  # a graph's edges are no normal numbers
            fresh = [x * (1 + 0.1 * torch.rand_like(x)) if x.is_floating_point() else x for x in inputs]
            wanted = [t for t in _leaves(model(*fresh)) if isinstance(t, torch.Tensor)]
    numbers = [t.numpy().astype(np.float64) for t in wanted]
    sorts = "Sort" in row["operators"]
    arrays = [x.numpy() for x in fresh]
    with sct.Session(program) as session:
        got = session.run(*arrays)
        answers = list(got) if isinstance(got, tuple) else [got]
        if len(answers) != len(numbers):
            return row | {"stage": "compare", "why": [f"{len(answers)} of {len(numbers)} outputs"]}
        # compile() has verified it within derived bounds; this is the plain figure beside.
        row["error"] = error(answers, numbers, sorts=sorts)
        row["ok"] = row["error"] < LIMIT
        if not row["ok"]:
            return row | {"stage": "compare", "why": [f"error {row['error']:.1e}"]}
        for core in boards.CORES if arm else ():
            worst = error(boards.answers(program, session, arrays, core), numbers, sorts=sorts)
            row["arm"] = max(worst, row.get("arm", 0.0))
            if not worst < LIMIT:
                return row | {"ok": False, "stage": "arm", "why": [f"{core}: error {worst:.1e}"]}
    return row


def _other_numbers(x: Any) -> Any:
    return x.flip(-1) if x.dim() else x


def _as_if_trained(model: Any) -> None:
    """Weights that begin as zeros (heads, gates, biases of attention) get other values, as a trained network
    has them: zeros hide faults."""
    import torch

    with torch.no_grad():
        for weight in model.parameters():
            if weight.is_floating_point() and not weight.any():
                weight.normal_(0, 0.02)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def _examined(name: str, sparsity: float, arm: bool, out: Any) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            row = examine(name, sparsity, arm)
        except Exception as failure:
            row = {"name": name, "ok": False, "stage": "compare", "why": reasons(failure)}
    out.put(json.dumps(row))


def in_a_process(name: str, sparsity: float, arm: bool, limit: float) -> dict[str, Any]:
    """One network, in a copy of this process."""
    fork = multiprocessing.get_context("fork")
    out, begin = fork.SimpleQueue(), time.perf_counter()
    process = fork.Process(target=_examined, args=(name, sparsity, arm, out))
    process.start()
    process.join(limit)
    row: dict[str, Any] = {"name": name, "ok": False, "stage": "crash", "why": ["the process ended"]}
    if process.is_alive():
        process.kill()
        process.join()
        row |= {"stage": "compile", "why": [f"not done after {limit:.0f} s"]}
    elif not out.empty():
        row = json.loads(out.get())
    return row | {"process_seconds": time.perf_counter() - begin}


def _prepare_all(names: list[str], options: argparse.Namespace) -> None:
    """The files that times.py takes, of one network a family, each in a copy of this process."""
    from prepare import FACTS, folder_of, one_a_family, prepare

    pythons = {"onnxruntime": options.engine_python} if options.engine_python else {}
    chosen = [n for n in one_a_family(names) if not (folder_of(options.out, n) / FACTS).exists()]
    import_all(chosen)
    fork = multiprocessing.get_context("fork")
    for i, name in enumerate(chosen, 1):
        make = networks()[name]
        process = fork.Process(
            target=prepare, args=(name, make, _as_if_trained, _leaves, options.out, pythons)
        )
        process.start()
        process.join(options.limit)
        if process.is_alive():
            process.kill()
            process.join()
        facts = folder_of(options.out, name) / FACTS
        said = json.loads(facts.read_text())["missing"] or "ok" if facts.exists() else "not prepared"
        print(f"{i}/{len(chosen)} {name}: {said}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="coverage", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="networks by a pattern such as 'timm/*'; may repeat")
    parser.add_argument(
        "--sparsity", type=float, default=0.0, help="of the weights, pruned before compiling (0)"
    )
    parser.add_argument("--arm", action="store_true", help="also as Cortex-A53, A72 and A76, emulated")
    parser.add_argument("--jobs", type=int, default=1, help="networks at once (1)")
    parser.add_argument("--limit", type=float, default=240.0, help="seconds a network may take (240)")
    parser.add_argument("-o", "--out", type=pathlib.Path, default=pathlib.Path("build/coverage"))
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--resume", action="store_true", help="try those that did not match the last time")
    parser.add_argument("--keep", action="store_true", help="write the committed table from the last runs")
    parser.add_argument(
        "--prepare", action="store_true", help="one network a family, made ready for times.py"
    )
    parser.add_argument("--engine-python", default="", help="for --prepare: the Python that has onnxruntime")
    options = parser.parse_args()
    if options.keep:
        keep(_rows(options.out / log_name(0)), _rows(options.out / log_name(PRUNED)), len(networks()))
        return
    names = [n for n in networks() if any(fnmatch.fnmatch(n, g) for g in options.only or ["*"])]
    if options.list or not names:
        print("\n".join(names) or "no network has such a name; --list prints all")
        sys.exit(0 if names else 1)
    if options.prepare:
        _prepare_all(names, options)
        return
    if options.arm:
        boards.check()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / log_name(options.sparsity)
    rows = [row for row in _rows(log) if row["ok"]] if options.resume and log.exists() else []
    done = {row["name"] for row in rows if "arm" in row or not options.arm}
    rows = [row for row in rows if row["name"] in done]
    names = [name for name in names if name not in done]
    random.Random(0).shuffle(names)  # a run that is cut short has seen something of everything
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_all(names)

    def one(name: str) -> dict[str, Any]:
        return in_a_process(name, options.sparsity, options.arm, options.limit)

    with ThreadPoolExecutor(options.jobs) as pool:
        for i, row in enumerate(pool.map(one, names), 1):
            rows.append(row)
            with log.open("a") as file:
                file.write(json.dumps(row) + "\n")
            said = "ok" if row["ok"] else f"{row['stage']}: {' '.join(row['why'])[:90]}"
            print(f"{i}/{len(names)} {row['name']}: {said}", flush=True)
    (options.out / "coverage.md").write_text(report(rows))
    print(f"{sum(r['ok'] for r in rows)} of {len(rows)} compile and match; {options.out / 'coverage.md'}")


def log_name(sparsity: float) -> str:
    return f"coverage-{sparsity:g}.jsonl" if sparsity else "coverage.jsonl"


def _rows(log: pathlib.Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


if __name__ == "__main__":
    main()
