"""From this machine to an emulated Cortex-A72 over ssh: deploy, run, verify, and what goes wrong on the way.

The real client and server, secateur-run for AArch64; SECATEUR_ARM_BUILD names the build folder
(build/aarch64 unless set). tests/python/deploy has the same without a network or an emulator.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from board import SSHD, Board, make_key
from torch import nn
from typer.testing import CliRunner, Result

import secateur as sct
from secateur.cli.app import app
from secateur.cli.remote import target_named
from secateur.machine import load_profile
from secateur.passes.cost_model import core_for

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SECATEUR_ARM_BUILD", ROOT / "build/aarch64"))
RUNNER, TUNER = (BUILD / "csrc/tools" / name for name in ("secateur-run", "secateur-tune"))
EMULATOR = shutil.which("qemu-aarch64-static")

pytestmark = pytest.mark.skipif(
    SSHD is None or EMULATOR is None or not RUNNER.exists() or not TUNER.exists(),
    reason="needs sshd, qemu-aarch64-static and the AArch64 build (make test-device)",
)
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    assert EMULATOR is not None
    found = Board(tmp_path_factory.mktemp("board"), EMULATOR)
    yield found
    found.stop()


@pytest.fixture
def run(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command with these words; `status` is the exit status to expect."""
    monkeypatch.setenv("SECATEUR_DEVICES", str(tmp_path / "devices.json"))
    shutil.rmtree(board.home / ".secateur", ignore_errors=True)
    board.trust(board.host_key)

    def invoke(*words: Any, status: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == status, (result.stdout, result.stderr, result.exception)
        return result

    return invoke


@pytest.fixture
def pi(run: Run, board: Board) -> str:
    run("devices", "add", "pi", "board", "--ssh-config", board.client, "--launcher", "emulate")
    return "pi"


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One network in f32 and in int8."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 1), nn.ReLU(), nn.Conv2d(32, 8, 1)
    ).eval()
    with torch.no_grad():
        network[2].weight[torch.rand_like(network[2].weight) < 0.8] = 0
    x = torch.randn(1, 3, 12, 12)
    batches = [(torch.randn(1, 3, 12, 12).numpy(),) for _ in range(4)]
    codes = sct.quantize.static(
        network, batches, example_inputs=(x,), method="minmax", trials=0, keep_outputs=False
    )
    paths = {"f32": folder / "f32.sct", "i8": folder / "i8.sct"}
    sct.compile(network, (x,), target="cortex-a72").save(paths["f32"])
    sct.compile(network, (x,), target="cortex-a72", quantize=codes).save(paths["i8"])
    return paths


def test_three_commands(run: Run, board: Board, networks: dict[str, Path], tmp_path: Path) -> None:
    added = run("devices", "add", "pi", "board", "--ssh-config", board.client, "--launcher", "emulate")
    assert "aarch64" in added.stdout
    model = networks["f32"]
    assert "deployed to pi" in run("deploy", model, "--to", "pi", "--runner", RUNNER).stdout
    x = np.random.default_rng(0).standard_normal((1, 3, 12, 12)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    files = ("--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    words = ("run", model, "--device", "pi", "--runner", RUNNER, *files, "--repeat", 3, "--profile", "--json")
    told = json.loads(run(*words).stdout)
    assert (told["isa"], told["stats_ns"]["count"]) == ("neon", 3)
    assert len(told["layers"]) == 3
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), sct.Session(model).run(x), rtol=0, atol=1e-5)
    assert board.files() == [".secateur/f32.sct", ".secateur/secateur-run"]
    run("deploy", "--to", "pi", "--remove")
    assert board.files() == []


@pytest.mark.parametrize("name", ["f32", "i8"])
def test_verify(run: Run, pi: str, networks: dict[str, Path], name: str) -> None:
    words = ("verify", networks[name], "--device", pi, "--runner", RUNNER, "--samples", 2, "--json")
    told = json.loads(run(*words).stdout)
    assert told["matches"]
    if name == "i8":
        assert (told["compared"], told["max_abs_err"]) == ("bits", 0)
    else:
        assert told["compared"] == "rounding"


def test_tune_brings_home_what_compile_goes_by(
    run: Run, pi: str, board: Board, networks: dict[str, Path], tmp_path: Path
) -> None:
    """The times are the emulator's, and mean nothing; that they decide is what is shown."""
    words = ("tune", networks["f32"], "--device", pi, "--runner", TUNER, "--seconds", "0.05", "--json")
    told = json.loads(run(*words).stdout)
    profile = load_profile(told["profile"])
    assert profile.isa == "neon"
    assert profile.cpu.startswith("arm-")
    assert len(told["layers"]) == len(profile.layers) >= 3
    assert target_named("pi") == told["profile"]
    assert core_for(target_named("pi")).profile == profile
    assert board.files() == [".secateur/secateur-tune"]
    run("deploy", "--to", "pi", "--remove")
    assert board.files() == []


def test_doctor(run: Run, pi: str, board: Board) -> None:
    told = json.loads(run("devices", "doctor", pi, "--runner", RUNNER, "--json").stdout)
    assert told["isa"] == "neon"
    assert told["facts"]["machine"] == "aarch64"


def test_a_cut_copy_is_gone_on_with(run: Run, pi: str, board: Board, networks: dict[str, Path]) -> None:
    words = ("deploy", networks["f32"], "--to", pi, "--runner", RUNNER, "--json")
    (board.here / "cut").write_text("300000")
    assert "pi: the connection to board was lost" in run(*words, status=1).stderr
    (part,) = board.files()
    assert part.endswith(".part")
    there = (board.home / part).stat().st_size
    assert 0 < there <= 300_000
    files = json.loads(run(*words).stdout)["files"]
    assert files[0]["sent"] == files[0]["bytes"] - there
    assert (board.home / ".secateur/secateur-run").read_bytes() == RUNNER.read_bytes()


def test_host_keys(run: Run, pi: str, board: Board, networks: dict[str, Path], tmp_path: Path) -> None:
    words = ("deploy", networks["f32"], "--to", pi, "--runner", RUNNER)
    board.trust(make_key(tmp_path / "other"))
    changed = run(*words, status=1).stderr
    assert "pi: the host key of board has changed" in changed
    (board.here / "known_hosts").write_text("")
    unknown = run(*words, status=1).stderr
    assert "pi: the host key of board is not known" in unknown
    assert len(changed.splitlines()) == len(unknown.splitlines()) == 1
    assert board.files() == []


def test_who_is_not_let_in(run: Run, board: Board, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger")
    config = tmp_path / "config"
    config.write_text(
        board.client.read_text().replace(str(board.here / "client_key"), str(tmp_path / "stranger"))
    )
    result = run("devices", "add", "pi", "board", "--ssh-config", config, status=1)
    assert "does not let this user in by a key" in result.stderr
    config.write_text(board.client.read_text().replace(f"Port {board.port}", "Port 1"))
    result = run("devices", "add", "pi", "board", "--ssh-config", config, status=1)
    assert "no ssh server answers" in result.stderr


def test_the_wrong_architecture(run: Run, board: Board, networks: dict[str, Path]) -> None:
    """This machine's kernel is given the program without the emulator."""
    run("devices", "add", "bare", "board", "--ssh-config", board.client)
    words = ("run", networks["f32"], "--device", "bare", "--runner", RUNNER)
    assert "secateur-run there is of another architecture" in run(*words, status=1).stderr
    host = Path(sys.executable).resolve()
    result = run("run", networks["f32"], "--device", "bare", "--runner", host, status=1)
    assert f"bare: it is aarch64, and {host} is a program for x86_64" in result.stderr


def test_an_interrupt_ends_what_runs_there(
    run: Run, pi: str, board: Board, networks: dict[str, Path], tmp_path: Path
) -> None:
    words = ["run", networks["f32"], "--device", pi, "--runner", RUNNER, "--repeat", "1"]
    run(*words)
    os.mkfifo(board.here / "running")
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from secateur.cli import main; sys.argv[0] = 'secateur'; main()"
    )
    command = [sys.executable, "-c", code, *map(str, words[:-1]), "90000", "--warmup", "900000"]
    here = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for process in ("the answer's", "the first round's, which would take long"):
            with open(board.here / "running", "rb") as running:
                if process != "the answer's":
                    here.send_signal(signal.SIGINT)
                assert running.read() == b""  # until that process has ended
        _, said = here.communicate()
    finally:
        (board.here / "running").unlink()
    assert said == "secateur: interrupted\n"
    assert here.returncode == 130
    assert not list((board.home / ".secateur").glob("run.*"))
