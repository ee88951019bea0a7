"""`secateur devices` and `secateur deploy`: what they print, and what they say of bad input."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from deploy_sandbox import Sandbox
from typer.testing import Result

Run = Callable[..., Result]


@pytest.mark.parametrize("verb", [["deploy"], *(["devices", v] for v in ("add", "list", "remove", "doctor"))])
def test_help_has_an_example(run: Run, verb: list[str]) -> None:
    assert f"Example: secateur {' '.join(verb)}" in " ".join(run(*verb, "--help").stdout.split())


def test_devices_are_added_listed_and_removed(run: Run, sandbox: Sandbox) -> None:
    assert "no devices yet" in run("devices", "list").stdout
    added = run("devices", "add", "pi", "me@board").stdout
    assert added.startswith("pi is me@board: ")
    assert platform.machine() in added
    run("devices", "add", "far", "far.example", "--port", 2222, "--no-check")
    listed = run("devices", "list").stdout.splitlines()
    assert listed[0] == "pi  me@board by ssh, folder .secateur"
    assert listed[1] == "far  far.example by ssh, port 2222, folder .secateur"
    devices = json.loads(run("devices", "list", "--json").stdout)["devices"]
    assert [device["name"] for device in devices] == ["pi", "far"]
    run("devices", "remove", "far")
    assert len(run("devices", "list").stdout.splitlines()) == 1


def test_a_device_that_cannot_be_reached_is_not_added(run: Run, sandbox: Sandbox) -> None:
    sandbox.fault(255, "ssh: connect to host board port 22: Connection refused")
    assert "no ssh server answers" in run("devices", "add", "pi", "me@board", status=1).stderr
    assert "no devices yet" in run("devices", "list").stdout


def completed(*words: str) -> list[str]:
    """What bash would offer for the last word."""
    code = "import sys; sys.argv = ['secateur']; from secateur.cli import main; main()"
    told = {"_SECATEUR_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(("secateur", *words))}
    told["COMP_CWORD"] = str(len(words))
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | told, capture_output=True, text=True, check=False
    )
    return done.stdout.split()


def test_the_shell_completes_verbs_and_devices(run: Run, sandbox: Sandbox) -> None:
    for name in ("pi", "phone", "other"):
        run("devices", "add", name, "board", "--no-check")
    assert completed("dep") == ["deploy"]
    assert completed("run", "m.sct", "--device", "p") == ["pi", "phone"]
    assert completed("deploy", "--to", "o") == ["other"]
    (sandbox.here / "settings" / "devices.json").write_text("broken")
    assert completed("deploy", "--to", "o") == []


def test_compile_takes_a_device_for_a_target(
    run: Run, pi: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secateur import deploy
    from secateur.cli.remote import target_named
    from secateur.passes.cost_model import core_for

    assert core_for(deploy.find("pi").target).name == core_for(None).name  # the stand-in is this machine
    deploy.add(deploy.Entry("board", "b", target="cortex-a53"))
    assert target_named("board") == "cortex-a53"
    assert target_named("raspberry-pi-4") == "raspberry-pi-4"
    assert target_named(None) is None
    deploy.add(deploy.Entry("new", "b"))
    for name in ("new", "abacus"):
        assert name in run("compile", "mobilenet_v1", "-o", "m.sct", "--target", name, status=1).stderr


def test_doctor(run: Run, pi: str, sandbox: Sandbox) -> None:
    words = ("devices", "doctor", pi, "--runner", sandbox.runner)
    text = run(*words).stdout
    assert platform.machine() in text
    for title in ("system", "kernels", "governor", "clock", "now", "memory", "disk"):
        assert f"\n{title}" in text
    told = json.loads(run(*words, "--json").stdout)
    from secateur import _core

    assert told["isa"] == _core.selected_isa()
    assert told["facts"]["machine"] == platform.machine()
    assert sandbox.files() == [".secateur/secateur-run"]


def test_doctor_without_a_program_for_it(
    run: Run, pi: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secateur.deploy.runner.FOLDER", tmp_path / "nothing")
    assert "kernels   unknown: it is" in run("devices", "doctor", pi).stdout


def test_deploy_and_remove(run: Run, pi: str, sandbox: Sandbox, model: Path) -> None:
    words = ("deploy", model, "--to", pi, "--runner", sandbox.runner)
    first = json.loads(run(*words, "--json").stdout)
    assert [(f["name"], f["sent"] == f["bytes"]) for f in first["files"]] == [
        ("secateur-run", True),
        ("relu.sct", True),
    ]
    assert (sandbox.folder / "relu.sct").read_bytes() == model.read_bytes()
    text = run(*words).stdout
    assert "relu.sct: was there" in text
    assert f"next: secateur run {model} --device pi" in text
    assert "removed from pi: relu.sct" in run("deploy", model, "--to", pi, "--remove").stdout
    assert sandbox.files() == [".secateur/secateur-run"]
    assert "removed from pi: secateur-run" in run("deploy", "--to", pi, "--remove").stdout
    assert not sandbox.folder.exists()
    assert "nothing of ours" in run("deploy", "--to", pi, "--remove").stdout


def test_deploy_goes_on_with_what_was_cut(run: Run, pi: str, sandbox: Sandbox, model: Path) -> None:
    (sandbox.here / "cut").write_text("100")
    words = ("deploy", model, "--to", pi, "--runner", sandbox.runner)
    assert "was lost" in run(*words, status=1).stderr
    assert "secateur-run: the last " in run(*words).stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["deploy", "{model}"], "--to names the device"),
        (["deploy", "{model}", "--to", "none"], "no device is called 'none'; there are: pi"),
        (["deploy", "--to", "pi"], "which model?"),
        (["deploy", "absent.sct", "--to", "pi"], "absent.sct"),
        (["deploy", "{text}", "--to", "pi"], "not a secateur model"),
        (["devices", "doctor", "none"], "no device is called 'none'"),
        (["devices", "remove", "none"], "no device is called 'none'"),
        (["devices", "add", "pi", "me@board"], "'pi' is there already"),
        (["devices", "add", "x", "me@bo ard"], "an address is host or user@host"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, pi: str, model: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    (tmp_path / "text").write_text("hello")
    names = {"model": model, "text": tmp_path / "text"}
    result = run(*(word.format(**names) for word in words), status=1)
    assert result.stderr.startswith("secateur: error: ")
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_errors_are_json_where_json_was_asked_for(run: Run, pi: str, sandbox: Sandbox, model: Path) -> None:
    sandbox.fault(255, "Host key verification failed.")
    result = run("deploy", model, "--to", pi, "--json", status=1)
    error = json.loads(result.stdout)["error"]
    assert error["type"] == "DeviceError"
    assert "is not known" in error["message"]
