"""Copies, removals and runs on a device, and what is said when they fail."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from deploy_sandbox import Sandbox

from secateur.deploy import Device, Entry, connect
from secateur.deploy.device import RUNNER
from secateur.errors import DeviceError, InvalidArgumentError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.sct"
    path.write_bytes(bytes(range(256)) * 1000)
    return path


def part_of(file: Path) -> str:
    return f".secateur/.data.sct.{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}.part"


def test_a_copy_is_whole_and_travels_once(sandbox: Sandbox, device: Device, file: Path) -> None:
    first = device.put(file, "data.sct")
    assert (first.bytes, first.sent) == (256_000, 256_000)
    assert (sandbox.folder / "data.sct").read_bytes() == file.read_bytes()
    assert device.put(file, "data.sct").sent == 0
    file.write_bytes(b"another")
    assert device.put(file, "data.sct").sent == 7
    assert (sandbox.folder / "data.sct").read_bytes() == b"another"
    assert sandbox.files() == [".secateur/data.sct"]
    assert (sandbox.folder.stat().st_mode & 0o777, (sandbox.folder / "data.sct").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


@pytest.mark.parametrize("through", [0, 1, 100_000, 255_999])
def test_a_cut_copy_is_gone_on_with(sandbox: Sandbox, device: Device, file: Path, through: int) -> None:
    (sandbox.here / "cut").write_text(str(through))
    with pytest.raises(DeviceError, match="pi: the connection to me@board was lost"):
        device.put(file, "data.sct")
    assert sandbox.files() == [part_of(file)]
    assert device.put(file, "data.sct").sent == 256_000 - through
    assert sandbox.files() == [".secateur/data.sct"]
    assert (sandbox.folder / "data.sct").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * 256_000, b"x" * 256_001])
def test_a_damaged_part_is_begun_anew(sandbox: Sandbox, device: Device, file: Path, left: bytes) -> None:
    sandbox.folder.mkdir()
    (sandbox.home / part_of(file)).write_bytes(left)
    device.put(file, "data.sct")
    assert (sandbox.folder / "data.sct").read_bytes() == file.read_bytes()


def test_the_part_of_an_older_file_goes(sandbox: Sandbox, device: Device, file: Path) -> None:
    sandbox.folder.mkdir()
    (sandbox.folder / ".data.sct.0123456789abcdef.part").write_bytes(b"old")
    device.put(file, "data.sct")
    assert sandbox.files() == [".secateur/data.sct"]


def test_what_always_arrives_damaged_is_said(sandbox: Sandbox, device: Device, file: Path) -> None:
    sandbox.says("sha256sum", "cat >/dev/null; echo 'feedbeef  -'")
    with pytest.raises(DeviceError, match="arrives damaged"):
        device.put(file, "data.sct")
    assert sandbox.files() == []


@pytest.mark.parametrize("tool", ["shasum", "openssl"])
def test_other_programs_check_too(sandbox: Sandbox, device: Device, file: Path, tool: str) -> None:
    """Where there is no sha256sum: the answer of the next one is read."""
    code = "import hashlib, sys; print({0}hashlib.sha256(sys.stdin.buffer.read()).hexdigest(){1})"
    shown = code.format("'', ", ", '-'") if tool == "shasum" else code.format("'SHA2-256(stdin)=', ", "")
    sandbox.says(tool, f'exec {sys.executable} -c "{shown}"')
    device.way.must(
        'mkdir "$HOME/only"; for t in sh mkdir rm wc df tail chmod mv cat sed uname; do '
        'ln -s "$(command -v $t)" "$HOME/only"; done; ln -s "$1" "$HOME/only"',
        str(sandbox.bin / tool),
    )
    shim = (sandbox.here / "client" / "ssh").read_text()
    (sandbox.here / "client" / "ssh").write_text(
        shim.replace(f'PATH="{sandbox.here}/bin:$PATH"', f'PATH="{sandbox.home}/only"')
    )
    assert device.put(file, "data.sct").sent == 256_000
    assert device.put(file, "data.sct").sent == 0


def test_a_full_disk_is_seen_before_anything_travels(sandbox: Sandbox, device: Device, file: Path) -> None:
    sandbox.says("df", "echo Filesystem; echo '/dev/root 1000 900 100 90% /'")
    with pytest.raises(DeviceError, match=r"disk is full: data.sct has 256,000 bytes and 102,400 are free"):
        device.put(file, "data.sct")
    assert sandbox.files() == []


def test_a_disk_that_fills_up_on_the_way(sandbox: Sandbox, device: Device, file: Path) -> None:
    sandbox.says("cat", "head -c 10; echo 'cat: write error: No space left on device' >&2; exit 1")
    with pytest.raises(DeviceError, match="its disk is full"):
        device.put(file, "data.sct")
    assert sandbox.files() == []


def test_no_permission(sandbox: Sandbox, device: Device, file: Path) -> None:
    sandbox.says(
        "mkdir", "echo \"mkdir: cannot create directory '.secateur': Permission denied\" >&2; exit 1"
    )
    with pytest.raises(DeviceError, match=r"may not do that there: .*Permission denied"):
        device.put(file, "data.sct")


def test_removal_takes_ours_and_leaves_the_rest(sandbox: Sandbox, device: Device, file: Path) -> None:
    device.put(file, "data.sct")
    device.put(file, "other.sct")
    device.put(file, RUNNER, mode="700")
    assert device.remove("data.sct") == (["data.sct"], "")
    assert sandbox.files() == [".secateur/other.sct", ".secateur/secateur-run"]
    (sandbox.folder / "notes.txt").write_text("mine")
    gone, left = device.remove()
    assert sorted(gone) == ["other.sct", "secateur-run"]
    assert Path(left) == sandbox.folder
    assert sandbox.files() == [".secateur/notes.txt"]
    (sandbox.folder / "notes.txt").unlink()
    assert device.remove() == ([], "")
    assert not sandbox.folder.exists()
    assert device.remove() == ([], "")


def test_a_workspace_goes_whatever_happens(sandbox: Sandbox, device: Device) -> None:
    with device.workspace() as workspace:
        workspace.write("x", b"\x00\xff" * 5000)
        assert workspace.read("x") == b"\x00\xff" * 5000
    assert not list(sandbox.folder.iterdir())
    with pytest.raises(DeviceError, match="No such file"), device.workspace() as workspace:
        workspace.read("none")
    assert sandbox.files() == []
    assert not list(sandbox.folder.iterdir())


def test_words_are_arguments_and_no_script(sandbox: Sandbox, device: Device) -> None:
    nasty = "a'b\"$(touch gone)`touch gone`; touch gone\n*\\"
    assert device.way.must('printf %s "$1"', nasty).text == nasty
    assert sandbox.files() == []


def test_a_greeting_is_no_answer(device: Device) -> None:
    assert device.machine == os.uname().machine


INTERRUPTED = """
import signal, sys
from pathlib import Path
from secateur.deploy import Entry, connect
signal.signal(signal.SIGINT, signal.default_int_handler)
with connect(Entry("pi", "me@board")) as device:
    device.put(Path(sys.argv[1]), "secateur-run", mode="700")
    with device.workspace() as workspace:
        workspace.write("x", b"x")
        workspace.run("m.sct")
"""


def test_the_program_there_ends_with_the_one_here(sandbox: Sandbox, device: Device) -> None:
    """Ctrl-C: what runs on the device is ended before the command is, and its files go."""
    device.way.must("mkdir .secateur && cd .secateur && echo hang > faults && mkfifo hanging")
    here = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(sandbox.runner)], stderr=subprocess.PIPE, text=True
    )
    with open(sandbox.folder / "hanging", "wb", buffering=0) as hanging:  # waits until it is read there
        here.send_signal(signal.SIGINT)
        _, said = here.communicate()
        assert said.strip().endswith("KeyboardInterrupt")
        with pytest.raises(BrokenPipeError):  # nobody reads any more
            hanging.write(b"x")
    assert sandbox.files() == [".secateur/faults", ".secateur/secateur-run"]
    assert not list(sandbox.folder.glob("run.*"))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ssh: Could not resolve hostname board: Name or service not known", "no host called board"),
        ("ssh: connect to host board port 22: Connection refused", "no ssh server answers"),
        ("ssh: connect to host board port 22: No route to host", "does not answer"),
        ("ssh: connect to host board port 22: Connection timed out", "does not answer"),
        ("me@board: Permission denied (publickey,password).", "ssh-copy-id me@board"),
        ("Host key verification failed.", "host key of me@board is not known"),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "host key of me@board has changed",
        ),
        ("/home/me/x: line 1: Bad configuration option: frob", "Bad configuration option: frob"),
        ("kex_exchange_identification: Connection closed by remote host", "was lost"),
        ("", "the connection to me@board was lost"),
    ],
)
def test_why_nobody_answers(sandbox: Sandbox, entry: Entry, said: str, sentence: str) -> None:
    sandbox.fault(255, said)
    with pytest.raises(DeviceError, match=r"^pi: ") as caught, connect(entry):
        pass
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_client(entry: Entry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="install the OpenSSH client"), connect(entry):
        pass
    with pytest.raises(DeviceError, match="platform tools"):
        connect(Entry("phone", "R58M12", "adb")).machine  # noqa: B018


def test_a_login_shell_that_runs_nothing(sandbox: Sandbox, device: Device) -> None:
    client = sandbox.here / "client" / "ssh"
    client.write_text("#!/bin/sh\necho This account is not available.\nexit 1\n")
    with pytest.raises(DeviceError, match=r"its login shell ran no script: This account is not available\."):
        device.machine  # noqa: B018


def test_a_device_that_hangs(sandbox: Sandbox, device: Device) -> None:
    os.mkfifo(sandbox.home / "never")
    with pytest.raises(DeviceError, match=r"pi: no answer in 0\.2 s"):
        device.way.run("cat never", timeout=0.2)


def test_a_missing_file_is_refused_here(device: Device, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"cannot read .*none: No such file"):
        device.put(tmp_path / "none", "x.sct")


def test_adb_reaches_a_phone_the_same_way(sandbox: Sandbox, file: Path) -> None:
    client = sandbox.here / "client" / "adb"
    client.write_text((sandbox.here / "client" / "ssh").read_text())
    client.chmod(0o755)
    entry = Entry("phone", "R58M12", "adb", folder=str(sandbox.home / "tmp"))
    with connect(entry) as device:
        assert device.put(file, "data.sct").sent == 256_000
        assert device.put(file, "data.sct").sent == 0
    assert (sandbox.here / "calls").read_text().startswith("-s R58M12 shell -T sh -c")
    client.write_text("#!/bin/sh\necho \"adb: device 'R58M12' not found\" >&2\nexit 1\n")
    with connect(entry) as device, pytest.raises(DeviceError, match="phone: adb knows no device R58M12"):
        device.machine  # noqa: B018
