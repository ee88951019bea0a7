"""Faults in `deploy` and `tune --device`: a process that is killed at each step, a disk that is full there or
here. What has a name is whole, the next command goes on, and `deploy --remove` takes the rest away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "deploy"))
from deploy_sandbox import Sandbox

from secateur import deploy
from secateur.deploy.registry import profile_file
from secateur.machine import load_profile
from secateur.tune.layers import Shape, layer_model

pytestmark = [pytest.mark.slow, pytest.mark.long]  # several processes each

# The command, killed where a function of that module is called for the `number`-th time.
COMMAND = """
import os, resource, signal, sys
from secateur.deploy import runner
runner.architecture_of = lambda path: runner.ARCHITECTURES[os.uname().machine]
module, _, name = {phase!r}.rpartition(".")
calls = []
def watch(frame, event, argument):
    if event == "call" and frame.f_code.co_name == name and frame.f_globals.get("__name__") == module:
        calls.append(1)
        if len(calls) == {number}:
            os.kill(os.getpid(), signal.SIGKILL)
if name:
    sys.setprofile(watch)
sys.argv = ["secateur", *{words!r}]
from secateur.cli import main
main()
"""
# A `cat` on the device whose disk is full after so many bytes.
FULL = 'head -c {bytes}; echo "cat: write error: No space left on device" >&2; exit 1'


class World:
    """A device that is known, a model, and commands as processes of their own."""

    def __init__(self, here: Path) -> None:
        self.sandbox = Sandbox(here)
        self.settings = here / "settings"
        self.model = here / "layer.sct"
        self.model.write_bytes(layer_model(Shape(8, 8, 5), 0.5))

    def run(self, *words: Any, phase: str = "", number: int = 1) -> subprocess.CompletedProcess[str]:
        given = [str(word) for word in words]
        code = COMMAND.format(phase=phase, number=number, words=given)
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    def deploy(self, **how: Any) -> subprocess.CompletedProcess[str]:
        words = ("deploy", self.model, "--to", "pi", "--runner", self.sandbox.runner)
        return self.run(*words, **how)

    def tune(self, *more: str, **how: Any) -> subprocess.CompletedProcess[str]:
        words = ("tune", self.model, "--device", "pi", "--runner", self.sandbox.tuner, *more)
        return self.run(*words, **how)

    def named(self) -> dict[str, bytes]:
        """What lies on the device under a name of its own."""
        return {
            path.name: path.read_bytes()
            for path in self.sandbox.folder.glob("*")
            if path.is_file() and path.name != "asked" and not path.name.startswith(".")
        }

    def takes_all_away(self) -> None:
        (self.sandbox.folder / "asked").unlink(missing_ok=True)
        assert self.run("deploy", "--to", "pi", "--remove").returncode == 0
        assert self.sandbox.files() == []


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PATH", str(tmp_path / "client"), prepend=":")
    monkeypatch.setenv("SECATEUR_DEVICES", str(tmp_path / "settings" / "devices.json"))
    found = World(tmp_path)
    deploy.add(deploy.Entry("pi", "me@board"))
    return found


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        ("secateur.deploy.transport._start", 2),  # a script that looks
        ("secateur.deploy.transport._communicate", 3),  # a script that copies
        ("secateur.deploy.device.put", 2),
        ("secateur.deploy.transport.close", 1),
    ],
)
def test_a_killed_deploy_is_gone_on_with(world: World, phase: str, number: int) -> None:
    whole = {"secateur-run": world.sandbox.runner.read_bytes(), "layer.sct": world.model.read_bytes()}
    assert world.deploy(phase=phase, number=number).returncode == -signal.SIGKILL
    for name, data in world.named().items():
        assert data == whole[name]
    done = world.deploy()
    assert done.returncode == 0, done.stderr
    assert world.named() == whole
    assert world.sandbox.files() == [".secateur/layer.sct", ".secateur/secateur-run"]
    world.takes_all_away()


PHASES = [
    "secateur.deploy.device.put",
    "secateur.deploy.device.workspace",
    "secateur.deploy.device.write",
    "secateur.deploy.tune._measure",
    "secateur.deploy.tune.hear",
    "secateur.deploy.tune._bring_home",
    "secateur.files._replace",
    "secateur.files._sync_folder",
]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("old", [False, True])
def test_a_killed_tune_leaves_a_whole_profile_or_none(world: World, phase: str, old: bool) -> None:
    path = profile_file("pi")
    before: dict[str, Any] = {}
    if old:
        assert world.tune().returncode == 0
        before = json.loads(path.read_text())
        before["cpu_name"] = "old"
        path.write_text(json.dumps(before))
    assert world.tune("--fresh", phase=phase).returncode == -signal.SIGKILL
    done = phase == PHASES[-1]  # the new name is there, and not yet on the disk
    assert path.exists() == (old or done)
    if path.exists():
        assert len(load_profile(path).layers) == 2
        assert (json.loads(path.read_text()) == before) == (not done)
    again = world.tune()
    assert again.returncode == 0, again.stderr
    assert len(load_profile(path).layers) == 2
    assert [found.name for found in path.parent.iterdir()] == ["pi.json"]
    world.takes_all_away()


@pytest.mark.parametrize("bytes", [0, 100])
def test_a_full_disk_there(world: World, bytes: int) -> None:
    world.sandbox.says("cat", FULL.format(bytes=bytes))
    for command in (world.deploy, world.tune):
        done = command()
        assert (done.returncode, done.stdout) == (1, "")
        assert "pi: its disk is full" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert world.sandbox.files() == []
    os.unlink(world.sandbox.bin / "cat")
    assert world.deploy().returncode == 0


@pytest.mark.parametrize("most", [0, 100])
def test_a_full_disk_here(world: World, most: int) -> None:
    """The profile does not fit: the old one stays, and nothing stays on the device but the program."""
    assert world.tune().returncode == 0
    old = profile_file("pi").read_bytes()
    code = COMMAND.replace(
        "from secateur.cli import main\n",
        "from secateur.cli import main\nfrom secateur.deploy import tune\n"
        "home = tune.save_atomically\n"
        "def limited(path, data):\n"
        f"    resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, resource.RLIM_INFINITY))\n"
        "    try:\n        home(path, data)\n"
        "    finally:\n"  # what is started afterwards may write
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, resource.RLIM_INFINITY))\n"
        "tune.save_atomically = limited\n",
    )
    words = ["tune", str(world.model), "--device", "pi", "--runner", str(world.sandbox.tuner), "--fresh"]
    filled = code.format(phase="", number=1, words=words)
    done = subprocess.run([sys.executable, "-c", filled], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"cannot write {profile_file('pi')}: File too large" in done.stderr
    assert profile_file("pi").read_bytes() == old
    assert [found.name for found in profile_file("pi").parent.iterdir()] == ["pi.json"]
    assert set(world.named()) == {"secateur-tune"}
    assert not list(world.sandbox.folder.glob("run.*"))
