"""Faults of the system at each step of writing a file: the old one stays whole, the new one is whole or not
there, and nothing is left beside them, or goes with the next save."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from secateur.errors import SaveError
from secateur.files import save_atomically

DATA = bytes(range(256)) * 2000

# A save whose process is killed where the call `step` is made for the `number`-th time.
KILLED = """
import os, signal, sys
from secateur import files
calls = []
def dies(original):
    def call(*words, **named):
        calls.append(1)
        if len(calls) == {number}:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*words, **named)
    return call
place = files.locks if {step!r} == "flock" else os
setattr(place, {step!r}, dies(getattr(place, {step!r})))
files.save_atomically(sys.argv[1], b"new" * 100_000)
"""


@pytest.mark.parametrize("step", ["open", "flock", "fstat", "chmod", "fsync", "replace", "close", "unlink"])
def test_a_kill_at_each_step_leaves_a_whole_file(step: str, tmp_path: Path) -> None:
    path = tmp_path / "m.sct"
    killed = 0
    for number in range(1, 20):
        path.write_bytes(DATA)
        code = KILLED.format(step=step, number=number)
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        assert path.read_bytes() in (DATA, b"new" * 100_000)
        if done.returncode == 0:
            assert path.read_bytes() == b"new" * 100_000
            break
        killed += 1
        save_atomically(path, b"next")
        assert [p.name for p in tmp_path.iterdir()] == ["m.sct"]
    assert killed > 0


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A disk that is full after so many bytes of any one file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 131072, len(DATA) - 1])
def test_a_disk_that_is_full_after_any_byte(size: int, tmp_path: Path) -> None:
    path = tmp_path / "m.sct"
    path.write_bytes(b"old")
    with no_file_larger_than(size), pytest.raises(SaveError, match="File too large"):
        save_atomically(path, DATA)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["m.sct"]
    with no_file_larger_than(len(DATA)):
        save_atomically(path, DATA)
    assert path.read_bytes() == DATA


def test_interrupted_system_calls_change_nothing(tmp_path: Path) -> None:
    """A signal each millisecond while a pipe is filled faster than it is read, and a file is written."""
    pipe, path, read, rung = tmp_path / "pipe", tmp_path / "m.sct", bytearray(), []
    os.mkfifo(pipe)

    def slowly() -> None:
        with open(pipe, "rb", buffering=0) as file:
            while part := file.read(8192):
                read.extend(part)
                time.sleep(0.0005)  # so that the writer waits, and is waiting when a signal comes

    old = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    reader = threading.Thread(target=slowly)
    reader.start()
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        save_atomically(pipe, DATA)
        save_atomically(path, DATA)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    reader.join()
    assert rung
    assert (bytes(read), path.read_bytes()) == (DATA, DATA)


def test_a_folder_that_may_not_be_written() -> None:
    code = (
        "import os, sys\n"
        "from secateur.files import save_atomically\n"
        "if os.geteuid() == 0: os.setegid(65534); os.seteuid(65534)\n"  # root may write anywhere
        "save_atomically(sys.argv[1], b'new')\n"
    )
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "m.sct").write_bytes(b"old")
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", code, made + "/m.sct"], capture_output=True, text=True, check=False
        )
        folder.chmod(0o755)
        assert f"SaveError: cannot write {made}/m.sct: Permission denied" in done.stderr
        assert [(p.name, p.read_bytes()) for p in folder.iterdir()] == [("m.sct", b"old")]


# --- whole verbs ---------------------------------------------------------------------------------------

VERB = """
import os, signal, sys
module, _, name = {phase!r}.rpartition(".")
def watch(frame, event, argument):
    if event == "call" and frame.f_code.co_name == name and frame.f_globals.get("__name__") == module:
        os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(watch)
sys.argv = ["secateur", *{words!r}]
from secateur.cli import main
main()
"""
NETWORK = """
import torch
def make():
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 8, 1))
    return body.eval(), torch.ones(1, 3, 8, 8)
"""
PHASES = {
    "prune": [
        "secateur.network.load_network",
        "secateur.prune.pruner.finalize",
        "secateur.files._replace",
    ],
    "compile": [
        "secateur.network.load_network",
        "secateur.passes.pipeline.optimise",
        "secateur.emit.writer.emit",
        "secateur.verify.compare.verify_compiled",
        "secateur.files._replace",
        "secateur.files._sync_folder",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "phase"), [(v, p) for v, all_ in PHASES.items() for p in all_])
def test_a_kill_in_each_phase_of_a_verb(verb: str, phase: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "r.toml").write_text("sparsity = 0.5\n")
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / ("p.pt2" if verb == "prune" else "m.sct")
    path.write_bytes(b"old")
    words = [verb, f"{tmp_path}/net.py:make", "-o", str(path)]
    words += ["--recipe", f"{tmp_path}/r.toml"] if verb == "prune" else []

    def run(phase: str) -> subprocess.CompletedProcess[str]:
        code = VERB.format(phase=phase, words=words)
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert run(phase).returncode == -signal.SIGKILL
    done = phase.endswith("_sync_folder")  # the new name is there, and not yet on the disk
    assert (path.read_bytes() == b"old") != done
    save_atomically(path, b"next")
    assert [p.name for p in path.parent.iterdir()] == [path.name]
