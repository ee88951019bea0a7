"""A device without a network: a stand-in for the `ssh` client runs the device's scripts by this machine's
sh, in a home folder of its own. tests/arm/test_board.py has the real client, a real server, and an emulated
Arm program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deploy_sandbox import Sandbox, this_machine
from typer.testing import CliRunner, Result

from secateur.cli.app import app
from secateur.deploy import Device, Entry, connect
from secateur.runtime.examples import relu_model

Run = Callable[..., Result]


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    found = Sandbox(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "client"), prepend=":")
    monkeypatch.setenv("SECATEUR_DEVICES", str(tmp_path / "settings" / "devices.json"))
    # The stand-in is a script and no ELF file: what looks at programs is tested on its own.
    monkeypatch.setattr("secateur.deploy.runner.architecture_of", lambda path: this_machine())
    return found


@pytest.fixture
def entry() -> Entry:
    return Entry("pi", "me@board")


@pytest.fixture
def device(sandbox: Sandbox, entry: Entry) -> Any:
    with connect(entry) as found:
        assert isinstance(found, Device)
        yield found


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    """Runs the command with these words; `status` is the exit status to expect."""

    def invoke(*words: Any, status: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == status, (result.stdout, result.stderr, result.exception)
        return result

    return invoke


@pytest.fixture
def pi(run: Run, entry: Entry) -> str:
    run("devices", "add", entry.name, entry.address)
    return entry.name


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "relu.sct"
    path.write_bytes(relu_model((1, 2, 3, 5)))
    return path


@pytest.fixture
def x(tmp_path: Path) -> np.ndarray:
    array = np.linspace(-1, 1, 30, dtype=np.float32).reshape(1, 2, 3, 5)
    np.save(tmp_path / "x.npy", array)
    return array
