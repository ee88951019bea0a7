"""`secateur run` and `verify` with --device: the same documents and tables as here, and what is said of
faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deploy_sandbox import Sandbox
from typer.testing import Result

from secateur.deploy import Device, measure

Run = Callable[..., Result]


@pytest.fixture
def words(pi: str, sandbox: Sandbox, model: Path) -> list[Any]:
    return [model, "--device", pi, "--runner", sandbox.runner]


def faults(sandbox: Sandbox, text: str) -> None:
    sandbox.folder.mkdir(exist_ok=True)
    (sandbox.folder / "faults").write_text(text)


def test_run_gives_what_the_device_computed(
    run: Run, words: list[Any], sandbox: Sandbox, x: np.ndarray, tmp_path: Path
) -> None:
    files = ("--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    told = json.loads(run("run", *words, *files, "--repeat", 7, "--warmup", 1, "--json").stdout)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.maximum(x, 0))
    assert (told["device"], told["schema"]) == ("pi", "secateur-run/1")
    assert told["stats_ns"]["count"] == len(told["samples_ns"]) == 7
    assert told["outputs"] == [{"name": "y", "shape": [1, 2, 3, 5], "min": 0.0, "max": 1.0, "not_finite": 0}]
    assert told["sensors"]["looks"][-1]["samples"] == 7
    assert sandbox.files() == [".secateur/relu.sct", ".secateur/secateur-run"]


def test_here_and_there_are_one_schema(run: Run, words: list[Any], model: Path) -> None:
    there = json.loads(run("run", *words, "--repeat", 2, "--profile", "--json").stdout)
    here = json.loads(run("run", model, "--repeat", 2, "--profile", "--json").stdout)
    assert set(there) - set(here) == {"device", "sensors"}
    assert set(here) <= set(there)
    assert [row["name"] for row in there["layers"]] == [row["name"] for row in here["layers"]] == ["relu"]
    assert {"name", "op", "kernel", "median_ns", "min_ns", "macs"} <= set(there["layers"][0])


def test_run_in_words(run: Run, words: list[Any], sandbox: Sandbox) -> None:
    text = run("run", *words, "--repeat", 3, "--profile").stdout
    assert "median" in text
    assert "of 3, 1 thread on pi, " in text
    assert "median µs" in text


def test_throttling_is_said(run: Run, words: list[Any], sandbox: Sandbox) -> None:
    sandbox.says("vcgencmd", "echo throttled=0x4")
    text = run("run", *words, "--repeat", 2).stdout
    assert "SLOWED DOWN by" in text
    assert "throttled" in text
    told = json.loads(run("run", *words, "--repeat", 2, "--json").stdout)
    assert "throttled" in told["sensors"]["throttling"]


def test_an_interrupt_keeps_the_rounds_before_it(
    run: Run, words: list[Any], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = measure.OnDevice.round, []

    def interrupts(self: measure.OnDevice, repeat: int, *more: str) -> Any:
        calls.append(repeat)
        if len(calls) == 3:  # the answer, one round, and then
            raise KeyboardInterrupt
        return original(self, repeat, *more)

    monkeypatch.setattr(measure.OnDevice, "round", interrupts)
    result = run("run", *words, "--repeat", 50, "--json", status=130)
    told = json.loads(result.stdout)
    assert told["interrupted"]
    assert told["stats_ns"]["count"] == 1
    assert sandbox.files() == [".secateur/relu.sct", ".secateur/secateur-run"]


def test_verify(run: Run, words: list[Any], sandbox: Sandbox) -> None:
    told = json.loads(run("verify", *words, "--samples", 2, "--json").stdout)
    assert (told["matches"], told["device"], told["compared"]) == (True, "pi", "rounding")
    assert told["max_abs_err"] == 0
    assert "pi computes what this machine does, but for rounding" in run("verify", *words).stdout
    faults(sandbox, "wrong")
    result = run("verify", *words, "--json", status=1)
    assert "pi does not compute what this machine does" in result.stderr
    assert not json.loads(result.stdout.split('{\n "error"')[0])["matches"]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("killed", "pi: secateur-run was killed there: its memory is probably too small"),
        ("chatter", "pi: secateur-run printed no JSON: 'not JSON'"),
    ],
)
def test_faults_of_the_program(
    run: Run, words: list[Any], sandbox: Sandbox, fault: str, sentence: str
) -> None:
    faults(sandbox, fault)
    result = run("run", *words, status=1)
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(sandbox.folder.glob("run.*"))


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("#!/bin/sh\necho 'secateur-run: out of memory' >&2\nexit 1\n", "pi: out of memory"),
        ('#!/bin/sh\necho \'{"schema": "secateur-run/9"}\'\n', "is of another version"),
        (
            "#!/bin/sh\necho 'secateur-run: --repeat takes a number' >&2\necho usage >&2\nexit 2\n",
            "pi: --repeat takes a number",
        ),
        ("#!/bin/sh\nkill -ILL $$\n", "an instruction that its CPU does not have"),
        ("\x7fELF\x02\x01\x01nonsense", "of another architecture"),
    ],
)
def test_other_programs(
    run: Run, pi: str, model: Path, tmp_path: Path, sandbox: Sandbox, program: str, sentence: str
) -> None:
    (tmp_path / "other").write_bytes(program.encode("latin1"))
    result = run("run", model, "--device", pi, "--runner", tmp_path / "other", status=1)
    assert sentence in result.stderr, result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_launcher_starts_the_program(run: Run, sandbox: Sandbox, model: Path) -> None:
    sandbox.says("launch", 'echo "$1 $2" > "$HOME/launched"; shift; exec "$@"')
    run("devices", "add", "pi", "me@board", "--launcher", "launch now")
    run("run", model, "--device", "pi", "--runner", sandbox.runner, "--repeat", 1)
    assert (sandbox.home / "launched").read_text() == "now ./secateur-run\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "{model}", "--device", "none"], "no device is called 'none'"),
        (["run", "{model}", "--device", "pi", "--input", "{wrong}"], "shape"),
        (["verify", "{model}"], "what should it be compared with?"),
        (["verify", "{model}", "--device", "pi", "--against", "x.pt2"], "one at a time"),
        (["verify", "absent.sct", "--device", "pi"], "absent.sct"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, pi: str, model: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((1, 2, 3, 4), np.float32))
    names = {"model": model, "wrong": tmp_path / "wrong.npy"}
    result = run(*(word.format(**names) for word in words), status=1)
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_bench_on_a_device(run: Run, pi: str, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def make():\n    torch.manual_seed(0)\n"
        "    layers = nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 32, 1), nn.Conv2d(32, 8, 1)\n"
        "    return nn.Sequential(*layers).eval(), torch.randn(1, 3, 4, 4)\n"
    )
    words = [
        "bench",
        "--model",
        f"{tmp_path}/net.py:make",
        "--sparsity",
        "0.9",
        "--samples",
        2,
        "--warmup",
        0,
    ]
    words += ["--device", pi, "--runner", sandbox.runner]
    told = json.loads(run(*words, "--json").stdout)
    assert (told["schema"], told["machine"]["device"]) == ("secateur-bench/1", "pi")
    assert told["machine"]["target"] in {"x86-64", "aarch64", *(f"cortex-a{n}" for n in (53, 55, 72, 76))}
    (result,) = told["results"]
    assert [(e["engine"], e["status"], len(e["samples_ns"])) for e in result["engines"]] == [
        ("secateur", "ok", 2),
        ("secateur-dense", "ok", 2),
    ]
    assert len(result["layers"]) == len(result["dense_layers"]) == 3
    assert sandbox.files() == [".secateur/secateur-run"]
    faults(sandbox, "wrong")
    told = json.loads(run(*words, "--json").stdout)
    assert [e["status"] for e in told["results"][0]["engines"]] == ["refused", "refused"]
    assert "not 'torch'" in run(*words, "--engine", "torch", status=1).stderr


@pytest.fixture
def small(tmp_path: Path) -> list[Any]:
    """A benchmark of a network of one layer."""
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def make():\n    return nn.Sequential(nn.Conv2d(3, 8, 1)).eval(), torch.randn(1, 3, 4, 4)\n"
    )
    return ["bench", "--model", f"{tmp_path}/net.py:make", "--sparsity", 0, "--warmup", 0]


def test_bench_as_mlperf(
    run: Run, pi: str, sandbox: Sandbox, small: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer queries and less time than it asks for, so that the test ends."""
    monkeypatch.setattr("secateur.cli.bench.MLPERF_QUERIES", 5)
    monkeypatch.setattr("secateur.cli.bench.MLPERF_SECONDS", 0)
    monkeypatch.setattr("secateur.cli.bench.MLPERF_ROUND", 4)
    sandbox.says("vcgencmd", "echo throttled=0x4")
    words = [*small, "--device", pi, "--runner", sandbox.runner, "--mlperf"]
    told = json.loads(run(*words, "--json").stdout)
    assert told["protocol"] == {
        "name": "single stream, as MLPerf",
        "percentile": 90,
        "least_queries": 5,
        "least_seconds": 0,
    }
    (result,) = told["results"]
    (engine,) = result["engines"]
    assert engine["stats_ns"]["p90"] == np.quantile(engine["samples_ns"], 0.9)
    assert len(engine["samples_ns"]) == 5
    assert "throttled" in result["sensors"]["throttling"]
    assert [look["samples"] for look in result["sensors"]["looks"]] == [*range(5), 5]
    assert "SLOWED DOWN by throttled" in run(*words).stdout
    assert (
        "--mlperf asks for at least 5 samples, --samples for 4"
        in run(*words, "--samples", 4, status=1).stderr
    )


def test_bench_here_looks_at_the_sensors_too(run: Run, small: list[Any]) -> None:
    told = json.loads(run(*small, "--engine", "secateur", "--samples", 3, "--json").stdout)
    (result,) = told["results"]
    assert [look["samples"] for look in result["sensors"]["looks"]] == [0, 1, 2, 3]
    assert "protocol" not in told


BENCHMARK_MODEL = """#!/bin/sh
echo "$@" >> "$HOME/litert"
n=$(wc -l < "$HOME/litert")
echo "INFO: count=8 first=9 curr=9 min=1 max=9 avg=5 std=1" >&2
echo "INFO: Inference timings in us: Init: 5, Warmup (avg): 7.5, Inference (avg): $n.25" >&2
"""


@pytest.fixture
def litert(small: list[Any], pi: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: Any) -> list[Any]:
    """With a stand-in for LiteRT's tool, whose n-th process takes n.25 us; nothing is converted."""
    tool = tmp_path / "benchmark_model"
    tool.write_text(BENCHMARK_MODEL)
    (tmp_path / "net.tflite").write_bytes(b"a converted network")
    monkeypatch.setattr("secateur.bench.engines.rivals.convert", lambda *_: tmp_path / "net.tflite")
    return [*small, "--device", pi, "--runner", sandbox.runner, "--litert-tool", tool, "--samples", 3]


def test_litert_takes_its_turns_on_the_device(run: Run, litert: list[Any], sandbox: Sandbox) -> None:
    told = json.loads(run(*litert, "--engine", "secateur", "--threads", 2, "--json").stdout)
    ours, theirs = told["results"][0]["engines"]
    assert (ours["engine"], theirs["engine"], theirs["status"]) == ("secateur", "litert", "ok")
    assert theirs["samples_ns"] == [2250, 3250, 4250]  # the first was to see that it runs
    assert (theirs["max_abs_err"], theirs["message"]) == (None, "its output is not compared")
    assert theirs["facts"] == {
        "file_bytes": 19,
        "inferences_of_a_sample": 8,
        "output": "not compared",
    }
    words = (sandbox.home / "litert").read_text().split()
    assert {"--num_threads=2", "--num_runs=8", "--warmup_runs=1", "--min_secs=0"} <= set(words)
    assert sandbox.files() == [".secateur/litert-benchmark_model", ".secateur/secateur-run", "litert"]
    run("deploy", "--to", "pi", "--remove")
    assert sandbox.files() == ["litert"]


def test_what_is_said_of_litert(run: Run, litert: list[Any], sandbox: Sandbox, tmp_path: Path) -> None:
    assert "its output is not compared" in run(*litert).stdout
    (tmp_path / "benchmark_model").write_text("#!/bin/sh\necho no numbers\n")
    text = run(*litert).stdout
    assert "failed; benchmark_model told no mean time, but: 'no numbers'" in text
    without = [word for word in litert if word not in {"--device", "pi"}]
    assert "--litert-tool goes with --device" in run(*without, status=1).stderr


def test_sensors_are_looked_at_while_it_runs(
    pi: str, sandbox: Sandbox, tmp_path: Path, device: Device
) -> None:
    """The program waits until the second look would come."""
    sandbox.says("vcgencmd", '[ -e "$HOME/looked" ] && echo throttled=0x4 || echo throttled=0x0')
    sandbox.says("sleep", '[ -e "$HOME/looked" ] && { echo > "$HOME/go"; exit 1; }; touch "$HOME/looked"')
    os.mkfifo(sandbox.home / "go")
    program = tmp_path / "program"
    program.write_text(
        '#!/bin/sh\necho before >&2; read line < "$HOME/go"; echo after >&2; echo done; exit 3\n'
    )
    device.put(program, "secateur-run", mode="700")
    with device.workspace() as workspace:
        ran = workspace.run()
    assert (ran.status, ran.out, ran.err.split()) == (3, "done", ["before", "after"])
    assert ran.before.throttling == ()
    assert [look.throttling for look in ran.during] == [("throttled",)]
    assert workspace.seen.throttling == ("throttled",)


def test_doctor_of_a_model_here_and_there(run: Run, words: list[Any], model: Path) -> None:
    for where in ([model], words):
        told = json.loads(run("doctor", *where, "--runs", 2, "--json").stdout)
        assert told["schema"] == "secateur-doctor/1"
        assert told["layers_ns"] > 0
        assert told["findings"] == []
    assert "nothing found" in run("doctor", model, "--runs", 2).stdout


def test_neither_torch_nor_plots_are_needed(pi: str, sandbox: Sandbox, model: Path) -> None:
    """On a laptop that deploys and nothing else."""
    refuse = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'torch', 'sklearn', 'matplotlib', 'scipy'}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from secateur.deploy import runner\n"
        "runner.architecture_of = lambda path: runner.ARCHITECTURES[__import__('platform').machine()]\n"
        "sys.argv[0] = 'secateur'\n"
        "from secateur.cli import main; main()\n"
    )
    where = [str(model), "--device", pi, "--runner", str(sandbox.runner)]
    for words in (["run", *where, "--repeat", "1"], ["verify", *where, "--samples", "1"]):
        done = subprocess.run(
            [sys.executable, "-c", refuse, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
