"""Files are written whole or not at all, and what is no file is left what it is."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secateur.errors import SaveError
from secateur.files import save_atomically

ROOT = os.geteuid() == 0


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod", "open", "fstat"])
def test_a_failed_step_leaves_the_old_file_and_nothing_else(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.sct"
    path.write_bytes(b"old")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(SaveError, match=r"m\.sct: No space left"):
        save_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    save_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


SCRIPT = """
import os, resource, signal, sys
from secateur.files import save_atomically
{before}
save_atomically(sys.argv[1], b"x" * 100_000)
"""


def elsewhere(before: str, path: Path) -> subprocess.CompletedProcess[str]:
    code = SCRIPT.format(before=before)
    return subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.sct"
    path.write_bytes(b"old")
    done = elsewhere("resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))", path)
    assert f"SaveError: cannot write {path}: File too large" in done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_goes_with_the_next_save(tmp_path: Path) -> None:
    path, other = tmp_path / "m.sct", tmp_path / ".m.sct.mine.part"
    path.write_bytes(b"old")
    other.write_bytes(b"not one of ours")
    done = elsewhere("os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)", path)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.glob(".m.sct.*.part"))) == 2
    save_atomically(tmp_path / "n.sct", b"")  # another file's
    assert len(list(tmp_path.glob(".m.sct.*.part"))) == 2
    save_atomically(path, b"new")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".m.sct.mine.part", "m.sct", "n.sct"]


def test_a_save_under_way_is_no_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.sct"
    real: Callable[[int], None] = os.fsync

    def meanwhile(handle: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        save_atomically(path, b"another")
        assert path.read_bytes() == b"another"
        assert len(list(tmp_path.iterdir())) == 2

    monkeypatch.setattr(os, "fsync", meanwhile)
    save_atomically(path, b"the first")
    assert path.read_bytes() == b"the first"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_that_save_to_one_path_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "m.sct"
    contents = [bytes([i]) * 50_000 for i in range(8)]
    threads = [threading.Thread(target=save_atomically, args=(path, c)) for c in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link, chain = tmp_path / "real" / "m.sct", tmp_path / "link.sct", tmp_path / "chain.sct"
    link.symlink_to("real/m.sct")
    chain.symlink_to(link)
    save_atomically(chain, b"made")  # a link that points nowhere yet
    assert target.read_bytes() == b"made"
    save_atomically(link, b"again")
    assert (target.read_bytes(), link.is_symlink(), chain.is_symlink()) == (b"again", True, True)
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(SaveError):
        save_atomically(loop, b"")
    assert loop.is_symlink()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_mode_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "m.sct"
    path.write_bytes(b"old")
    path.chmod(mode)
    save_atomically(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_follows_the_umask(tmp_path: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        save_atomically(tmp_path / "m.sct", b"new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "m.sct").stat().st_mode) == 0o666 & ~mask


@pytest.mark.skipif(not ROOT, reason="only root gives files away")
def test_an_owner_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.sct"
    path.write_bytes(b"old")
    os.chown(path, 1234, 1235)
    save_atomically(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_devices_stay_devices() -> None:
    before = os.stat("/dev/null")
    save_atomically("/dev/null", b"gone")
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_ino, after.st_rdev) == (before.st_ino, before.st_rdev)
    with pytest.raises(SaveError, match="/dev/full: No space left"):
        save_atomically("/dev/full", b"x")


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    path, read = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    save_atomically(path, b"through")
    reader.join()
    assert read == [b"through"]
    assert stat.S_ISFIFO(path.stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"])
def test_the_standard_output_is_written_through(name: str, tmp_path: Path) -> None:
    code = f"from secateur.files import save_atomically; save_atomically({name!r}, b'out')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"out"
    with open(tmp_path / "log", "wb") as log:
        log.write(b"before ")
        log.flush()
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (tmp_path / "log").read_bytes() == b"before out"


def test_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "none" / "m.sct", tmp_path / "folder" / ".."):
        with pytest.raises(SaveError, match="cannot write"):
            save_atomically(path, b"")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".sct")
    save_atomically(path, b"new")
    save_atomically(path, b"newer")
    assert path.read_bytes() == b"newer"


def test_recipes_are_saved_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prune = pytest.importorskip("secateur.prune")
    path = tmp_path / "r.json"
    recipe = prune.Recipe.from_dict({"sparsity": 0.5})
    recipe.save(path)
    old = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveError, match=r"r\.json: No space left"):
        recipe.save(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
