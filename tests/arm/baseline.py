"""Finds instructions above armv8-a in object files, by asking the assembler.

Each object is disassembled and the text assembled again with -march=armv8-a and nothing else: what the
assembler refuses is above the baseline that Cortex-A53 and A72 run. That is the same table of
instructions that the compiler works from, complete, where a list of mnemonics would not be.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

OBJDUMP = "aarch64-linux-gnu-objdump"
ASSEMBLER = "aarch64-linux-gnu-as"
BASELINE = "armv8-a"

# Their last operand is a place in the code, which objdump writes as a number that stands for nothing
# once the instruction has been moved.
_TARGETED = re.compile(r"(b|bl|b\.\w+|cbz|cbnz|tbz|tbnz|adr|adrp)\t")
# "  1c:\t4e22cc20 \tfmla\tv0.4s, v1.4s, v2.4s"
_LINE = re.compile(r"\s*[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$")


def instructions(path: Path) -> set[str]:
    """The distinct instructions of an object file or archive member, as assembly."""
    done = subprocess.run([OBJDUMP, "-d", "-z", str(path)], capture_output=True, text=True, check=True)
    found = set()
    for line in done.stdout.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        text = re.sub(r"\s*(//|<).*$", "", match[1])
        if _TARGETED.match(text):
            text = re.sub(r"(0x)?[0-9a-f]+$", ".", text)
        found.add(text)
    return found


def assemble(lines: list[str], march: str) -> list[str]:
    """Those of `lines` that the assembler refuses for that architecture."""
    done = subprocess.run(
        [ASSEMBLER, f"-march={march}", "-o", "/dev/null", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    refused = {int(number) for number in re.findall(r"^[^:]*:(\d+): Error", done.stderr, re.M)}
    if done.returncode != 0 and not refused:
        raise RuntimeError(done.stderr)
    return [lines[number - 1] for number in sorted(refused)]


def above_baseline(path: Path) -> list[str]:
    """The instructions of `path` that armv8-a does not have."""
    return assemble(sorted(instructions(path)), BASELINE)
