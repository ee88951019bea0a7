"""Which networks compile and match PyTorch: `make coverage`, or `python benchmarks/coverage --only 'timm/*'`.

Each network is made with random weights, compiled and compared in a process of its own, which starts with all
packages imported. The report has a line for each: parameters, seconds to compile, the largest difference from
PyTorch over the largest output, or why not. Packages that are not installed give no networks.

--resume keeps the rows of the networks that match in build/coverage/coverage.jsonl and tries the others;
--keep writes benchmarks/coverage/coverage.json and docs/coverage.md from those rows and ends.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import io
import json
import multiprocessing
import pathlib
import sys
import time
from collections import Counter
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from designs import design_networks
from document import keep, report
from packages import import_all, package_networks
from papers import paper_networks
from plain import plain_networks
from series import series_networks

LIMIT = 1e-3  # of the largest difference over the largest number


def networks() -> dict[str, Any]:
    plain = plain_networks() | series_networks() | design_networks() | paper_networks()
    return plain | package_networks()


def reasons(error: Exception) -> list[str]:
    """What stands in the way, each in a few words; of an error that lists operators, all of them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[:12] or [type(error).__name__]


def examine(name: str, sparsity: float) -> dict[str, Any]:
    """One network, here."""
    import numpy as np
    import torch

    import secateur as sct
    from secateur.prune import prune_oneshot

    torch.manual_seed(0)
    torch.set_num_threads(1)
    row: dict[str, Any] = {"name": name, "ok": False}
    try:
        model, inputs = networks()[name]()
    except Exception as error:
        return row | {"stage": "make", "why": reasons(error)}
    model.eval()
    _as_if_trained(model)
    with torch.no_grad():
        model(*[x.clone() for x in inputs])  # some change their weights once, in their first run (RWKV)
    row["parameters"] = sum(p.numel() for p in model.parameters())
    try:
        if sparsity:
            prune_oneshot(model, sparsity=sparsity)
    except Exception as error:
        return row | {"stage": "prune", "why": reasons(error)}
    begin = time.perf_counter()
    try:
        program = sct.compile(model, inputs)
    except Exception as error:
        return row | {"stage": "compile", "why": reasons(error), "seconds": time.perf_counter() - begin}
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
    with sct.Session(program) as session:
        got = session.run(*[x.numpy() for x in fresh])
    answers = list(got) if isinstance(got, tuple) else [got]
    numbers = [t.numpy().astype(np.float64) for t in wanted]
    worst = _distance(answers, numbers)
    if worst >= LIMIT and "Sort" in row["operators"]:  # near ties change places: RT-DETR's queries
        worst = _distance([_in_order_of(y, t) for y, t in zip(answers, numbers, strict=True)], numbers)
    row["error"] = worst
    # compile() has verified it within derived bounds; this is the plain figure beside.
    row["ok"] = len(answers) == len(wanted) and worst < LIMIT
    if not row["ok"]:
        row |= {"stage": "compare", "why": [f"error {worst:.1e}, {len(answers)} of {len(wanted)} outputs"]}
    return row


def _distance(ours: Any, theirs: Any) -> float:
    """The largest difference over the largest number, of all outputs."""
    import numpy as np

    pairs = zip(ours, theirs, strict=False)
    return max((float(np.abs(x - y).max() / max(np.abs(y).max(), 1e-30)) for x, y in pairs), default=0.0)


def _in_order_of(ours: Any, theirs: Any) -> Any:
    """The rows of the last dimension in another order, that which is nearest to theirs: each once."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    if theirs.ndim < 2 or theirs.size > 1 << 16:
        return ours
    mine, rows = (np.asarray(x, np.float64).reshape(-1, theirs.shape[-1]) for x in (ours, theirs))
    _, nearest = linear_sum_assignment(np.abs(rows[:, None] - mine[None]).max(-1))
    return mine[nearest].reshape(theirs.shape)


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


def _examined(name: str, sparsity: float, out: Any) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            row = examine(name, sparsity)
        except Exception as error:
            row = {"name": name, "ok": False, "stage": "compare", "why": reasons(error)}
    out.put(json.dumps(row))


def in_a_process(name: str, sparsity: float, limit: float) -> dict[str, Any]:
    """One network, in a copy of this process."""
    fork = multiprocessing.get_context("fork")
    out, begin = fork.SimpleQueue(), time.perf_counter()
    process = fork.Process(target=_examined, args=(name, sparsity, out))
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="coverage", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="networks by a pattern such as 'timm/*'; may repeat")
    parser.add_argument(
        "--sparsity", type=float, default=0.0, help="of the weights, pruned before compiling (0)"
    )
    parser.add_argument("--limit", type=float, default=240.0, help="seconds a network may take (240)")
    parser.add_argument("-o", "--out", type=pathlib.Path, default=pathlib.Path("build/coverage"))
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--resume", action="store_true", help="try those that did not match the last time")
    parser.add_argument("--keep", action="store_true", help="write the committed table from the last run")
    options = parser.parse_args()
    log = options.out / "coverage.jsonl"
    if options.keep:
        keep([json.loads(line) for line in log.read_text().splitlines()], len(networks()))
        return
    names = [n for n in networks() if any(fnmatch.fnmatch(n, g) for g in options.only or ["*"])]
    if options.list or not names:
        print("\n".join(names) or "no network has such a name; --list prints all")
        sys.exit(0 if names else 1)
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    if options.resume and log.exists():
        rows = [row for row in map(json.loads, log.read_text().splitlines()) if row["ok"]]
    done = {row["name"] for row in rows}
    names = [name for name in names if name not in done]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_all(names)
    for i, name in enumerate(names, 1):
        row = in_a_process(name, options.sparsity, options.limit)
        rows.append(row)
        with log.open("a") as file:
            file.write(json.dumps(row) + "\n")
        said = "ok" if row["ok"] else f"{row['stage']}: {' '.join(row['why'])[:90]}"
        print(f"{i}/{len(names)} {name}: {said}", flush=True)
    (options.out / "coverage.md").write_text(report(rows))
    print(f"{sum(r['ok'] for r in rows)} of {len(rows)} compile and match; {options.out / 'coverage.md'}")


if __name__ == "__main__":
    main()
