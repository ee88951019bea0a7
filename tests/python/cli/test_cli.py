"""Each verb on a small network: what it prints and writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import Result

Run = Callable[..., Result]
VERBS = ("prune", "quantize", "compile", "inspect", "doctor", "verify", "run", "bench", "tune", "demo")


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(run: Run, verb: str) -> None:
    text = run(verb, "--help").stdout
    assert f"Example: secateur {verb}" in " ".join(text.split())


def test_top_help_and_version(run: Run) -> None:
    text = run("--help").stdout
    assert all(verb in text for verb in VERBS)
    assert run("--version").stdout.startswith("secateur 0.")


def test_prune_leaves_exact_zeros(pruned: Path) -> None:
    program = torch.export.load(pruned)
    weights = [w for w in program.state_dict.values() if w.dim() == 4]
    assert [float((w == 0).float().mean()) for w in weights] == [0.0, 0.75, 0.0]


def test_prune_json(run: Run, folder: Path, tmp_path: Path) -> None:
    words = (
        "prune",
        f"{folder}/net.py:make",
        "--recipe",
        folder / "r.toml",
        "-o",
        tmp_path / "p.pt2",
        "--json",
    )
    printed = json.loads(run(*words).stdout)
    assert printed["output"] == str(tmp_path / "p.pt2")
    assert printed["report"]


def test_prune_saves_tensors_that_a_factory_takes_back(run: Run, folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.json"
    recipe.write_text('{"sparsity": 0.5, "pattern": "channel"}')
    words = ("prune", f"{folder}/net.py:make", "--recipe", recipe)
    assert "nothing is saved: a dry run" in run(*words, "--dry-run").stdout
    assert list(tmp_path.iterdir()) == [recipe]
    assert "or --dry-run to save nothing" in run(*words, status=1).stderr
    saved = tmp_path / "p.safetensors"
    run(*words, "-o", saved)
    run("compile", f"{folder}/net.py:make", "--checkpoint", saved, "-o", tmp_path / "m.sct")
    shapes = [
        row["rows"] for row in json.loads(run("inspect", tmp_path / "m.sct", "--json").stdout)["layers"]
    ]
    assert shapes == [8, 16, 8]


def test_inspect(run: Run, model: Path) -> None:
    text = run("inspect", model, "--why").stdout
    for word in ("operator", "output", "format", "sparsity", "nonzeros", "bytes", "kernel", "Conv", "75.0%"):
        assert word in text
    facts = json.loads(run("inspect", model, "--json").stdout)
    middle = facts["layers"][1]
    assert (middle["rows"], middle["cols"], middle["nnz"]) == (32, 16, 128)
    assert facts["file_bytes"] == model.stat().st_size
    assert facts["totals"]["nonzeros"] == sum(row["nnz"] for row in facts["layers"])


def test_doctor(run: Run, model: Path) -> None:
    text = run("doctor", model, "--runs", 2).stdout
    assert text.startswith(f"{model}: 3 layers, ")
    assert "dense, would gain by pruning; predicted for 80% zeros" in text
    told = json.loads(run("doctor", model, "--runs", 2, "--json").stdout)
    assert {"dense"} <= {finding["kind"] for finding in told["findings"]}


def test_verify(run: Run, model: Path, pruned: Path, folder: Path) -> None:
    assert "computes what" in run("verify", model, "--against", pruned).stdout
    printed = json.loads(run("verify", model, "--against", pruned, "--json", "--samples", 2).stdout)
    assert printed["matches"]
    assert printed["inputs"] == 2
    result = run("verify", model, "--against", f"{folder}/net.py:make", status=1)
    assert "differs from PyTorch" in result.stderr


def test_verify_token_ids(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ids.py").write_text(
        "import torch\n"
        "def make():\n"
        "    torch.manual_seed(0)\n"
        "    layers = torch.nn.Embedding(50, 8), torch.nn.Linear(8, 3)\n"
        "    return torch.nn.Sequential(*layers).eval(), (torch.randint(50, (1, 6)),)\n"
    )
    network = f"{tmp_path}/ids.py:make"
    run("compile", network, "-o", tmp_path / "ids.sct")
    printed = json.loads(
        run("verify", tmp_path / "ids.sct", "--against", network, "--json", "--samples", 3).stdout
    )
    assert (printed["matches"], printed["inputs"]) == (True, 3)


def test_run_computes_what_pytorch_does(run: Run, model: Path, pruned: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    run("run", model, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    with torch.no_grad():
        wanted = torch.export.load(pruned).module()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), wanted, rtol=0, atol=1e-5)


def test_run_times_and_profiles(run: Run, model: Path) -> None:
    text = run("run", model, "--repeat", 3, "--profile").stdout
    assert "p90" in text
    assert "median µs" in text
    printed = json.loads(run("run", model, "--repeat", 4, "--profile", "--json").stdout)
    assert printed["stats_ns"]["count"] == 4
    assert len(printed["layers"]) == 3


def test_bench(run: Run, folder: Path, tmp_path: Path) -> None:
    words = (
        "bench",
        "--model",
        f"{folder}/net.py:make",
        "--sparsity",
        "0,0.9",
        "--samples",
        2,
        "--warmup",
        0,
    )
    text = run(*words, "--out", tmp_path, "--engine", "secateur,secateur-dense,torch").stdout
    assert "PyTorch eager" in text
    read = json.loads((tmp_path / "results.json").read_text())
    assert [r["sparsity"] for r in read["results"]] == [0.0, 0.9]
    statuses = [{e["engine"]: e["status"] for e in r["engines"]} for r in read["results"]]
    assert statuses[0] == {"secateur": "ok", "torch": "ok"}
    assert statuses[1] == {"secateur": "ok", "secateur-dense": "ok", "torch": "ok"}
    assert read["results"][1]["layers"]
    assert read["results"][1]["dense_layers"]
    assert list(tmp_path.glob("latency-*.svg"))
    assert list(tmp_path.glob("layers-*.svg"))
    printed = json.loads(run(*words, "--json", "--engine", "torch").stdout)
    assert printed["schema"] == "secateur-bench/1"


def test_a_network_without_zeros_has_one_headline(run: Run, folder: Path, tmp_path: Path) -> None:
    text = run("compile", f"{folder / 'net.py'}:make", "-o", tmp_path / "m.sct").stdout
    assert text.count("no weight is zero") == 1
    shown = run("inspect", tmp_path / "m.sct", "--why").stdout
    assert shown.count("no weight is zero") == 1
    assert shown.count("it has no zeros") == 1
    assert "0 and 2 others: dense: it has no zeros" in shown


def test_a_pruned_network_has_no_such_headline(run: Run, model: Path) -> None:
    assert "no weight is zero" not in run("inspect", model, "--why").stdout


def nan_model(path: Path) -> Path:
    """y = clamp(x, nan, nan): whatever goes in, what comes out is no number."""
    from secateur.emit import emit
    from secateur.ir import Graph, Op, Port, Value, planes
    from secateur.ir.options import BinaryOptions

    x, y = Value("x", planes(1, 2, 1, 3)), Value("y", planes(1, 2, 1, 3))
    op = Op("Binary", "over", [x], y, BinaryOptions("mul", np.array([np.inf, 1], np.float32)))
    path.write_bytes(emit(Graph("net", [Port("x", x, x.shape)], [Port("y", y, y.shape)], [op])).data)
    return path


def test_json_has_no_bare_nan(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 2, 1, 3), np.float32))
    path = nan_model(tmp_path / "m.sct")
    text = run("run", path, "--input", tmp_path / "x.npy", "--json").stdout

    def refuse(word: str) -> None:
        raise AssertionError(word)

    (output,) = json.loads(text, parse_constant=refuse)["outputs"]
    assert (output["min"], output["max"], output["not_finite"]) == (None, None, 3)


def test_run_warms_up_and_repeats_before_it_says_median(run: Run, model: Path) -> None:
    assert "median" in run("run", model).stdout
    printed = json.loads(run("run", model, "--json").stdout)
    assert printed["stats_ns"]["count"] > 1
    once = run("run", model, "--repeat", 1).stdout
    assert "one inference" in once
    assert "median" not in once


def test_random_weights_are_said(run: Run, folder: Path, tmp_path: Path) -> None:
    from secateur import zoo

    assert "encoder" in zoo.NETWORKS
    result = run("compile", "encoder", "--input-shape", "1,4,384", "-o", tmp_path / "m.sct")
    assert "random weights" in result.stderr
    made = run("compile", f"{folder / 'net.py'}:make", "-o", tmp_path / "n.sct")
    assert "random weights" not in made.stderr


def test_short_version(run: Run) -> None:
    assert run("-V").stdout == run("--version").stdout
