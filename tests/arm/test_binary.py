"""What the AArch64 build may hold: no instruction above armv8-a; less than 1,170,000 bytes of device program.

SECATEUR_ARM_BUILD names the build folder (build/aarch64 unless set).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from baseline import above_baseline, assemble, instructions

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SECATEUR_ARM_BUILD", ROOT / "build/aarch64"))
RUNNER = BUILD / "csrc/tools/secateur-run"
# 1,000,000 until kernels of f16 came, which take 75 KB.
DEVICE_PROGRAM_BYTES = 1_170_000

# Kernel files of instruction sets above the baseline, and the measurement of their peaks: they run only where
# the CPU was seen to have them.
ABOVE = re.compile(r"(neon(fp16|dot|i8mm)(_\w+)?|fma_peak)\.cc\.o$")

pytestmark = pytest.mark.skipif(
    shutil.which("aarch64-linux-gnu-as") is None, reason="the AArch64 cross compiler is not installed"
)


def objects() -> list[Path]:
    return sorted((BUILD / "csrc").rglob("*.o"))


def test_there_is_a_build() -> None:
    assert RUNNER.exists(), f"{RUNNER} is missing: cmake --preset aarch64 && cmake --build --preset aarch64"
    assert len(objects()) > 10


def test_no_instruction_above_the_baseline() -> None:
    """Neither dot products, half precision, nor LSE atomics: Cortex-A53 and A72 would stop at them."""
    found = {
        str(path.relative_to(BUILD)): refused
        for path in objects()
        if not ABOVE.search(path.name) and (refused := above_baseline(path))
    }
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "sdot v0.4s, v1.16b, v2.16b",
        "fmla v0.8h, v1.8h, v2.8h",
        "fmlal v0.4s, v1.4h, v2.4h",
        "smmla v0.4s, v1.16b, v2.16b",
        "casal w0, w1, [x2]",
        "ldaddal x0, x1, [x2]",
        "sqrdmlah v0.4s, v1.4s, v2.4s",
        "fmla z0.s, p0/m, z1.s, z2.s",
    ],
)
def test_the_check_sees_what_is_above(tmp_path: Path, line: str) -> None:
    source = tmp_path / "above.s"
    source.write_text(f"fadd v0.4s, v1.4s, v2.4s\n1: {line}\nb.ne 1b\ntbz x3, #40, 1b\nadrp x0, 1b\nret\n")
    built = tmp_path / "above.o"
    march = "armv8.6-a+sve+fp16+fp16fml+i8mm"
    subprocess.run(["aarch64-linux-gnu-as", f"-march={march}", str(source), "-o", str(built)], check=True)
    assert len(instructions(built)) == 6
    (refused,) = above_baseline(built)
    assert refused.split("\t")[0] == line.split()[0]
    assert assemble(sorted(instructions(built)), march) == []


def test_device_program_size(tmp_path: Path) -> None:
    """Runtime, kernels and program, static and stripped: what goes on a device."""
    stripped = tmp_path / "secateur-run"
    subprocess.run(["aarch64-linux-gnu-strip", "-o", str(stripped), str(RUNNER)], check=True)
    headers = subprocess.run(["readelf", "-lW", str(stripped)], capture_output=True, text=True, check=True)
    assert "INTERP" not in headers.stdout, "it is not linked statically"
    assert stripped.stat().st_size <= DEVICE_PROGRAM_BYTES
