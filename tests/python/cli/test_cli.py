"""Each verb on a small network: what it prints, writes, and says of bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import Result

Run = Callable[..., Result]
VERBS = ("prune", "quantize", "compile", "inspect", "verify", "run", "bench", "demo")


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


def test_inspect(run: Run, model: Path) -> None:
    text = run("inspect", model, "--why").stdout
    for word in ("operator", "output", "format", "sparsity", "nonzeros", "bytes", "kernel", "Conv", "75.0%"):
        assert word in text
    facts = json.loads(run("inspect", model, "--json").stdout)
    middle = facts["layers"][1]
    assert (middle["rows"], middle["cols"], middle["nnz"]) == (32, 16, 128)
    assert facts["file_bytes"] == model.stat().st_size
    assert facts["totals"]["nonzeros"] == sum(row["nnz"] for row in facts["layers"])


def test_verify(run: Run, model: Path, pruned: Path, folder: Path) -> None:
    assert "computes what" in run("verify", model, "--against", pruned).stdout
    printed = json.loads(run("verify", model, "--against", pruned, "--json", "--samples", 2).stdout)
    assert printed["matches"]
    assert printed["inputs"] == 2
    result = run("verify", model, "--against", f"{folder}/net.py:make", status=1)
    assert "differs from PyTorch" in result.stderr


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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["inspect", "absent.sct"], "absent.sct"),
        (["inspect", "{net}"], "not a secateur model"),
        (["inspect", "{folder}"], "{folder}"),
        (["run", "absent.sct"], "absent.sct"),
        (["run", "{model}", "--input", "absent.npy"], "no array at absent.npy"),
        (["run", "{model}", "--input", "{net}"], "not a .npy file"),
        (["run", "{model}", "--output", "a.npy", "--output", "b.npy"], "1 outputs"),
        (["compile", "absent.pt2", "-o", "{folder}/x.sct"], "no exported program at absent.pt2"),
        (["compile", "{net}:make", "-o", "x.bin"], "should end in .sct"),
        (["compile", "{net}:make", "-o", "/no/such/folder/x.sct"], "does not exist"),
        (["compile", "{net}:make", "-o", "{folder}/x.sct", "--target", "abacus"], "abacus"),
        (["compile", "{net}:make", "-o", "{folder}/x.sct", "--input-shape", "1,x"], "not a shape"),
        (["compile", "{net}:strange", "-o", "{folder}/x.sct"], "fft"),
        (["compile", "lenet", "-o", "{folder}/x.sct"], "lenet"),
        (["verify", "{model}", "--against", "absent.pt2"], "no exported program"),
        (["prune", "{net}:make", "--recipe", "absent.toml", "-o", "{folder}/y.pt2"], "absent.toml"),
        (["prune", "{net}:make", "--recipe", "{net}", "-o", "{folder}/y.pt2"], "net.py"),
        (["bench", "--network", "lenet"], "the zoo has no 'lenet'"),
        (["bench", "--sparsity", "90"], "--sparsity takes numbers from 0"),
        (["bench", "--threads", "two"], "--threads takes numbers"),
        (["bench", "--engine", "abacus"], "no engine is called 'abacus'"),
        (["bench", "--engine-python", "litert"], "--engine-python takes NAME=PATH"),
        (["bench", "--checkpoint", "w.pt"], "--checkpoint goes with one"),
        (["demo", "--checkpoint", "w.pt"], "--checkpoint takes NAME=PATH"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, folder: Path, model: Path, words: list[str], sentence: str
) -> None:
    names = {"net": folder / "net.py", "folder": folder, "model": model}
    result = run(*(word.format(**names) for word in words), status=1)
    assert result.stderr.startswith("secateur: error: ")
    assert sentence.format(**names) in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 3, result.stderr
    assert not (folder / "x.sct").exists()
    assert not (folder / "y.pt2").exists()


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["inspect", "--frob"], ["run", "m.sct", "--threads", "-1"]]
)
def test_usage_errors_are_status_2(run: Run, words: list[str]) -> None:
    assert "Error" in run(*words, status=2).stderr


@pytest.mark.parametrize("kept", [0, 1, 7, 64, 500, -1])
def test_truncated_files(run: Run, model: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.sct"
    path.write_bytes(model.read_bytes()[:kept])
    for verb in ("inspect", "run"):
        result = run(verb, path, status=1)
        assert result.stderr.startswith("secateur: error: ")
        assert "cut.sct" in result.stderr


def test_flipped_bits(run: Run, model: Path, tmp_path: Path) -> None:
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 0x10
    (tmp_path / "bent.sct").write_bytes(data)
    assert "bent.sct" in run("inspect", tmp_path / "bent.sct", status=1).stderr


def test_arrays_of_the_wrong_kind(run: Run, model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "shape.npy", np.zeros((1, 3, 8, 9), np.float32))
    np.save(tmp_path / "dtype.npy", np.zeros((1, 3, 8, 8), np.float64))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "shape" in run("run", model, "--input", tmp_path / "shape.npy", status=1).stderr
    assert "float32" in run("run", model, "--input", tmp_path / "dtype.npy", status=1).stderr
    assert "not a .npy file" in run("run", model, "--input", tmp_path / "object.npy", status=1).stderr


def test_an_old_file_survives_a_failed_write(
    run: Run, pruned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    path = tmp_path / "m.sct"
    path.write_bytes(b"what stood here")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left on device" in run("compile", pruned, "-o", path, status=1).stderr
    assert path.read_bytes() == b"what stood here"
    assert list(tmp_path.iterdir()) == [path]


def test_debug_shows_the_traceback(run: Run) -> None:
    result = run("--debug", "inspect", "absent.sct", status=1)
    assert "Traceback" in result.stderr
    assert "ModelNotFoundError" in result.stderr


def test_interrupt_is_quiet(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import secateur

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(secateur, "Session", interrupted)
    result = run("inspect", model, status=130)
    assert result.stderr == "secateur: interrupted\n"


# --- on a device ----------------------------------------------------------------------------------

REFUSE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {refused}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = ['secateur', *{words}]
from secateur.cli import main
main()
"""


def without(refused: set[str], *words: object) -> subprocess.CompletedProcess[str]:
    """The command in a Python where these packages are not installed."""
    code = REFUSE.format(refused=refused, words=[str(word) for word in words])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


DEVICE = {"torch", "sklearn", "matplotlib", "scipy"}


def test_inspect_and_run_need_neither_torch_nor_plots(model: Path, tmp_path: Path) -> None:
    assert without(DEVICE, "inspect", model).returncode == 0
    done = without(DEVICE, "run", model, "--output", tmp_path / "y.npy", "--profile")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "y.npy").shape == (1, 8, 8, 8)


@pytest.mark.parametrize(
    "words",
    [["compile", "mobilenet_v1", "-o", "m.sct"], ["verify", "{model}", "--against", "resnet50"], ["demo"]],
)
def test_missing_torch_is_one_sentence(model: Path, words: list[str]) -> None:
    done = without(DEVICE, *(word.format(model=model) for word in words))
    assert done.returncode == 1
    assert done.stderr == "secateur: error: this needs torch: pip install 'secateur-nn[torch]'\n"


def test_missing_typer_is_one_sentence() -> None:
    done = without({"typer"}, "--help")
    assert done.returncode == 1
    assert done.stderr == "secateur: error: the command needs typer: pip install 'secateur-nn[cli]'\n"


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


def test_an_interrupted_run_keeps_what_it_measured(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secateur.runtime import Session

    original, calls = Session.run, []

    def interrupts(self: Session, *inputs: Any) -> Any:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return original(self, *inputs)

    monkeypatch.setattr(Session, "run", interrupts)
    result = run("run", model, "--warmup", 1, "--repeat", 50, "--json", status=130)
    printed = json.loads(result.stdout)
    assert printed["interrupted"]
    assert printed["stats_ns"]["count"] == 3
    calls.clear()
    monkeypatch.setattr(Session, "run", original)
    assert not json.loads(run("run", model, "--json").stdout)["interrupted"]


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "absent.sct", "--json"],
        ["run", "absent.sct", "--json"],
        ["verify", "{model}", "--against", "absent.pt2", "--json"],
        ["compile", "absent.pt2", "-o", "{folder}/x.sct", "--json"],
        ["bench", "--network", "lenet", "--json"],
    ],
)
def test_errors_are_json_where_json_was_asked_for(
    run: Run, folder: Path, model: Path, words: list[str]
) -> None:
    result = run(*(word.format(folder=folder, model=model) for word in words), status=1)
    error = json.loads(result.stdout)["error"]
    assert error["status"] == 1
    assert error["type"] in {"ModelNotFoundError", "InvalidArgumentError"}
    assert error["message"] in result.stderr


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': 'f4', 'shape': (",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1180591620717411303424), }",
        b"\xff\n",
    ],
)
def test_arrays_with_a_broken_header(run: Run, model: Path, tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "x.npy" in run("run", model, "--input", path, status=1).stderr


def test_a_pipe_is_no_array(run: Run, model: Path, tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "x.npy")
    assert "a pipe" in run("run", model, "--input", tmp_path / "x.npy", status=1).stderr


@pytest.mark.parametrize(
    "words",
    [
        ["compile", "lenet", "-o", "m.sct"],
        ["compile", "mobilenet_v1", "-o", "m.sct", "--target", "abacus"],
        ["compile", "mobilenet_v1", "-o", "m.sct", "--checkpoint", "absent.pt"],
        ["compile", "absent.pt2", "-o", "m.sct"],
        ["compile", "absent.py:make", "-o", "m.sct"],
        ["compile", "mobilenet_v1", "-o", "m.bin"],
        ["verify", "absent.sct", "--against", "mobilenet_v1"],
        ["bench", "--network", "lenet"],
    ],
)
def test_bad_words_are_refused_before_torch_is_loaded(words: list[str]) -> None:
    done = without({"torch"}, *words)
    assert done.returncode == 1
    assert "needs torch" not in done.stderr


def test_random_weights_are_said(run: Run, folder: Path, tmp_path: Path) -> None:
    from secateur import zoo

    assert "encoder" in zoo.NETWORKS
    result = run("compile", "encoder", "--input-shape", "1,4,384", "-o", tmp_path / "m.sct")
    assert "random weights" in result.stderr
    made = run("compile", f"{folder / 'net.py'}:make", "-o", tmp_path / "n.sct")
    assert "random weights" not in made.stderr


def test_short_version(run: Run) -> None:
    assert run("-V").stdout == run("--version").stdout


def test_no_memory_for_a_session_is_the_documented_error(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import secateur as sct
    from secateur import _core

    def full(*args: Any, **kwargs: Any) -> None:
        raise MemoryError

    for part in ("Session", "Model"):
        monkeypatch.setattr(_core, part, full)
        with pytest.raises(sct.errors.RuntimeUnavailableError, match="no memory"):
            sct.Session(model)


def test_an_interrupted_benchmark_keeps_what_it_measured(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secateur.bench import harness

    original, calls = harness.measure, []

    def interrupts(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(harness, "measure", interrupts)
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
    result = run(*words, "--engine", "torch", "--out", tmp_path, "--json", status=130)
    printed = json.loads(result.stdout)
    assert printed["interrupted"]
    assert [r["sparsity"] for r in printed["results"]] == [0.0]
    assert len(json.loads((tmp_path / "results.json").read_text())["results"]) == 1
    assert list(tmp_path.glob("latency-*.svg"))
