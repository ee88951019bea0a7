"""The files of the stand-in for a device (conftest.py)."""

from __future__ import annotations

import platform
import stat
import sys
from pathlib import Path

from secateur.deploy.runner import ARCHITECTURES

# Takes options like ssh, runs the last word by the login shell. `fault` in the home's folder makes it fail
# instead: its first line is the status, the rest is what ssh would say.
SSH = """#!/bin/sh
here={here}
echo "$@" >> "$here/calls"
case " $* " in
  *" -M "*) if [ -f "$here/fault" ]; then tail -n +2 "$here/fault" >&2; exit "$(head -n 1 "$here/fault")"; fi
    exit 0 ;;
  *" -O exit "*) exit 0 ;;
esac
for last; do :; done
if [ -f "$here/cut" ]; then  # the connection ends after so many bytes
  case "$last" in *"cat >> "*) n=$(cat "$here/cut"); rm "$here/cut"
    head -c "$n" | (cd "$here/home" && HOME="$here/home" PATH="$here/bin:$PATH" sh -c "$last") >/dev/null
    echo "client_loop: send disconnect: Broken pipe" >&2; exit 255 ;;
  esac
fi
cd "$here/home" && HOME="$here/home" PATH="$here/bin:$PATH" exec sh -c "echo Welcome; $last"
"""

# secateur-run and secateur-tune as the tests' device has them: the same words and files, by this machine's
# extension.
PROGRAM = """#!{python}
import sys
sys.path[:0] = {path!r}
from standin import {main}
{main}()
"""


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class Sandbox:
    """The stand-in's files: `home` is the device's disk, `bin` comes first in its PATH."""

    def __init__(self, here: Path) -> None:
        self.here, self.home, self.bin = here, here / "home", here / "bin"
        for folder in (self.home, self.bin, here / "client"):
            folder.mkdir()
        program(here / "client" / "ssh", SSH.format(here=here))
        self.runner = self._program("secateur-run", "main")
        self.tuner = self._program("secateur-tune", "tune")

    def _program(self, name: str, main: str) -> Path:
        path = [str(Path(__file__).parent), *sys.path]
        return program(self.here / name, PROGRAM.format(python=sys.executable, path=path, main=main))

    @property
    def folder(self) -> Path:
        return self.home / ".secateur"

    def fault(self, status: int, said: str) -> None:
        (self.here / "fault").write_text(f"{status}\n{said}\n")

    def says(self, name: str, script: str) -> None:
        """A program of that name on the device."""
        program(self.bin / name, f"#!/bin/sh\n{script}\n")

    def files(self) -> list[str]:
        return sorted(str(p.relative_to(self.home)) for p in self.home.rglob("*") if p.is_file())


def this_machine() -> str:
    """The architecture of this machine's programs."""
    return ARCHITECTURES[platform.machine()]
