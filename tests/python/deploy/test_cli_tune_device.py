"""`secateur tune --device`: measured there, kept here under the device's name, and found by that name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deploy_sandbox import Sandbox
from typer.testing import Result

from secateur import deploy
from secateur.cli.remote import target_named
from secateur.deploy.registry import profile_file
from secateur.machine import load_profile
from secateur.runtime import Session
from secateur.tune.layers import Shape, layer_model

Run = Callable[..., Result]


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A model of one layer, half of whose weights are zeros."""
    path = tmp_path / "layer.sct"
    path.write_bytes(layer_model(Shape(8, 8, 5), 0.5))
    return path


@pytest.fixture
def words(pi: str, sandbox: Sandbox, layer: Path) -> list[Any]:
    return ["tune", layer, "--device", pi, "--runner", sandbox.tuner]


def faults(sandbox: Sandbox, text: str) -> None:
    sandbox.folder.mkdir(exist_ok=True)
    (sandbox.folder / "faults").write_text(text)


def test_the_profile_comes_home_and_nothing_stays(run: Run, words: list[Any], sandbox: Sandbox) -> None:
    told = json.loads(run(*words, "--seconds", 3, "--threads", 2, "--json").stdout)
    assert told["profile"] == str(profile_file("pi"))
    assert (told["device"], told["throttling"]) == ("pi", [])
    assert [(row["ns"], row["planned_ns"]) for row in told["layers"]] == [(1000, 2000), (2000, 4000)]
    profile = load_profile(profile_file("pi"))
    assert [(row.format, row.ns, row.threads) for row in profile.layers] == [
        ("csr", 1000, 2),
        ("dense", 2000, 2),
    ]
    assert json.loads((sandbox.folder / "asked").read_text()) == [1, 2, None, 3.0]
    (sandbox.folder / "asked").unlink()
    assert sandbox.files() == [".secateur/secateur-tune"]
    assert "removed from pi: secateur-tune" in run("deploy", "--to", "pi", "--remove").stdout
    assert sandbox.files() == []


def test_a_devices_name_is_its_profile(run: Run, words: list[Any], tmp_path: Path) -> None:
    before = target_named("pi")
    assert before is not None
    assert not before.endswith(".json")
    text = run(*words).stdout
    assert "[1/2] csr 8->8 @ 5x5 k1s1" in text
    assert "2 layers measured, 2 of them faster" in text
    assert "next: secateur compile ... --target pi" in text
    assert target_named("pi") == str(profile_file("pi"))
    assert run("devices", "list").stdout.rstrip().endswith(", tuned")
    # A name of the compiler's own stays that.
    deploy.add(deploy.Entry("cortex-a72", "board"))
    assert target_named("cortex-a72") == "cortex-a72"


def test_compile_by_a_devices_name_goes_by_its_times(run: Run, words: list[Any], tmp_path: Path) -> None:
    """CSR took half of dense's time there; by the table of Cortex-A53 half of the weights do not pay."""
    run(*words)
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def make():\n    torch.manual_seed(0)\n    conv = nn.Conv2d(8, 8, 1, bias=False)\n"
        "    conv.weight.data[torch.rand_like(conv.weight) < 0.5] = 0\n"
        "    return nn.Sequential(conv).eval(), torch.randn(1, 8, 5, 5)\n"
    )
    source = f"{tmp_path}/net.py:make"
    formats = {}
    for target in ("pi", "cortex-a53"):
        path = tmp_path / f"{target}.sct"
        run("compile", source, "-o", path, "--target", target)
        (layer,) = Session(path).layers
        formats[target] = layer["format"], "measured" in layer["reason"]
    assert formats == {"pi": ("csr", True), "cortex-a53": ("dense", False)}
    profile_file("pi").write_text("{}")
    result = run("compile", source, "-o", tmp_path / "n.sct", "--target", "pi", status=1)
    assert "is no machine profile" in result.stderr
    assert not (tmp_path / "n.sct").exists()


def test_it_is_added_to_unless_fresh(run: Run, words: list[Any], tmp_path: Path) -> None:
    run(*words)
    (tmp_path / "other.sct").write_bytes(layer_model(Shape(4, 4, 3), 1.0))
    other = ["tune", tmp_path / "other.sct", *words[2:]]
    run(*other)
    assert len(load_profile(profile_file("pi")).layers) > 2
    run(*other, "--fresh")
    assert {row.shape for row in load_profile(profile_file("pi")).layers} == {
        load_profile(profile_file("pi")).layers[0].shape
    }


def test_another_file_by_name(run: Run, words: list[Any], tmp_path: Path) -> None:
    run(*words, "-o", tmp_path / "p.json")
    assert load_profile(tmp_path / "p.json").layers
    assert not profile_file("pi").exists()


def test_a_profile_of_another_machine_is_kept(run: Run, words: list[Any]) -> None:
    run(*words)
    table = json.loads(profile_file("pi").read_text())
    profile_file("pi").write_text(json.dumps(table | {"cpu": "arm-41-d08"}))
    said = run(*words, status=1).stderr
    assert "pi: it is not the machine, or not the instruction set, of which" in said
    assert "--fresh" in said
    assert json.loads(profile_file("pi").read_text())["cpu"] == "arm-41-d08"
    run(*words, "--fresh")
    assert json.loads(profile_file("pi").read_text())["cpu"] == table["cpu"]


def test_a_device_that_goes_takes_its_profile(run: Run, words: list[Any], sandbox: Sandbox) -> None:
    run(*words)
    run("devices", "add", "pi", "me@board", "--port", 22, "--replace")  # the same machine
    assert profile_file("pi").exists()
    run("devices", "add", "pi", "me@another", "--replace")
    assert not profile_file("pi").exists()
    run(*words)
    run("devices", "remove", "pi")
    assert not profile_file("pi").exists()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("killed", "pi: secateur-tune was killed there"),
        ("damaged", "is no machine profile: it is not JSON: give the secateur-tune of this version"),
    ],
)
def test_faults_of_the_program(
    run: Run, words: list[Any], sandbox: Sandbox, fault: str, sentence: str
) -> None:
    faults(sandbox, fault)
    result = run(*words, status=1)
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not profile_file("pi").exists()
    assert not list(sandbox.folder.glob("run.*"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--device", "none"], "no device is called 'none'"),
        (["absent.sct"], "absent.sct"),
    ],
)
def test_bad_input(run: Run, words: list[Any], change: list[str], sentence: str) -> None:
    result = run(*words, *change, status=1)
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_bad_options(run: Run, pi: str, layer: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    assert "--runner goes with --device" in run("tune", layer, "--runner", sandbox.tuner, status=1).stderr
    (tmp_path / "other").write_text("#!/bin/sh\nkill -ILL $$\n")
    words = ("tune", layer, "--device", pi, "--runner", tmp_path / "other")
    assert "secateur-tune stopped at an instruction" in run(*words, status=1).stderr
    text = tmp_path / "p.json"
    text.write_text("nothing")
    result = run("tune", layer, "--device", pi, "--runner", sandbox.tuner, "-o", text, status=1)
    assert "measure afresh by --fresh" in result.stderr
    assert text.read_text() == "nothing"


def test_an_interrupt_keeps_what_was_measured(pi: str, sandbox: Sandbox, layer: Path) -> None:
    """Once the first layer was told of."""
    faults(sandbox, "hang")
    os.mkfifo(sandbox.folder / "hanging")
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from secateur.deploy import runner;"
        "runner.architecture_of = lambda path: runner.ARCHITECTURES[__import__('platform').machine()];"
        "from secateur.cli import main; sys.argv[0] = 'secateur'; main()"
    )
    words = ["tune", str(layer), "--device", pi, "--runner", str(sandbox.tuner)]
    here = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert here.stdout is not None
    assert "[1/2] csr 8->8" in here.stdout.readline()
    here.send_signal(signal.SIGINT)
    _, said = here.communicate()
    assert (said, here.returncode) == ("secateur: interrupted\n", 130)
    assert [row.ns for row in load_profile(profile_file("pi")).layers] == [1000]
    assert not list(sandbox.folder.glob("run.*"))
