"""A board to ssh into, on this machine: a server on 127.0.0.1 with keys of its own, whose commands run in a
home folder of their own, on a machine that calls itself aarch64 and emulates its programs."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {here}/host_key
PidFile none
AuthorizedKeysFile {here}/client_key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
ForceCommand {here}/enter
"""
# `cut` in the home's folder: the connection ends when so many bytes of a file have come.
ENTER = """#!/bin/sh
HOME={here}/home PATH={here}/bin:$PATH
export HOME PATH
cd
echo Welcome
case "$SSH_ORIGINAL_COMMAND" in
  *"cat >> "*) if [ -f {here}/cut ]; then
    n=$(cat {here}/cut); rm {here}/cut
    head -c "$n" | sh -c "$SSH_ORIGINAL_COMMAND" >/dev/null
    kill -KILL $PPID
    exit
  fi ;;
esac
exec sh -c "$SSH_ORIGINAL_COMMAND"
"""
# While the program runs, the file `running` is open for writing.
EMULATE = """#!/bin/sh
[ -p {here}/running ] && exec 9> {here}/running
exec {emulator} -cpu cortex-a72 "$@"
"""
CLIENT = """
Host board
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {here}/client_key
  IdentitiesOnly yes
  UserKnownHostsFile {here}/known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
"""


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def make_key(path: Path) -> str:
    """A new key pair; the public one."""
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text()


class Board:
    """The server, from the beginning to `stop`; `client` configures an ssh that knows it as `board`."""

    def __init__(self, here: Path, emulator: str) -> None:
        self.here, self.home, self.client = here, here / "home", here / "client"
        for folder in (self.home, here / "bin"):
            folder.mkdir()
        self.host_key = make_key(here / "host_key")
        make_key(here / "client_key")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        program(here / "enter", ENTER.format(here=here))
        program(here / "bin" / "emulate", EMULATE.format(here=here, emulator=emulator))
        program(here / "bin" / "uname", '#!/bin/sh\n[ "$1" = -m ] && echo aarch64 && exit\necho Linux 6.1\n')
        (here / "sshd_config").write_text(CONFIG.format(here=here, port=self.port))
        self.client.write_text(CLIENT.format(here=here, port=self.port, user=getpass.getuser()))
        self.trust(self.host_key)
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        assert SSHD is not None
        self._server = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(here / "sshd_config")], stderr=subprocess.PIPE, text=True
        )
        assert self._server.stderr is not None
        said = ""
        while "Server listening" not in said:
            said = self._server.stderr.readline()
            assert said, "sshd did not start"

    def trust(self, key: str) -> None:
        """What the client believes to be the server's key."""
        (self.here / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {key}")

    def files(self) -> list[str]:
        return sorted(str(p.relative_to(self.home)) for p in self.home.rglob("*") if p.is_file())

    def stop(self) -> None:
        self._server.terminate()
        self._server.communicate()
