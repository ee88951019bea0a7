"""The counting harness of benchmarks/arm against counts made by hand.

The emulator's tests need the sandbox of benchmarks/arm/setup.sh: SECATEUR_ARM_SANDBOX names its folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("instructions", reason="benchmarks/arm is not on the path")

from cores import CORES, lower_bound
from emulator import EmulationError, Sandbox
from instructions import UNKNOWN, Kind, disassemble, find_llvm_mc, parse
from report import render, summarize

HERE = Path(__file__).resolve().parent
HARNESS = HERE.parents[1] / "benchmarks" / "arm"
COMPILER = shutil.which("aarch64-linux-gnu-gcc")
SANDBOX = os.environ.get("SECATEUR_ARM_SANDBOX")

needs_llvm = pytest.mark.skipif(find_llvm_mc() is None, reason="llvm-mc is not installed")
needs_sandbox = pytest.mark.skipif(
    SANDBOX is None or COMPILER is None or find_llvm_mc() is None,
    reason="SECATEUR_ARM_SANDBOX names no sandbox (benchmarks/arm/setup.sh), or there is no cross compiler",
)


@pytest.mark.parametrize(
    ("text", "kind", "multiply_adds", "wide"),
    [
        ("fmla v0.4s, v1.4s, v2.s[0]", Kind.VECTOR_FMA, 4, True),
        ("fmla v0.2s, v1.2s, v2.2s", Kind.VECTOR_FMA, 2, False),
        ("fmla s0, s1, v2.s[1]", Kind.SCALAR_FMA, 1, False),
        ("fmadd s0, s1, s2, s3", Kind.SCALAR_FMA, 1, False),
        ("sdot v0.4s, v1.16b, v2.4b[0]", Kind.DOT_PRODUCT, 16, True),
        ("smlal2 v0.4s, v1.8h, v2.8h", Kind.VECTOR_INT_MULTIPLY, 4, True),
        ("smmla v0.4s, v1.16b, v2.16b", Kind.MATRIX_MULTIPLY, 32, True),
        ("fadd v0.4s, v1.4s, v2.4s", Kind.VECTOR_FLOAT, 0, True),
        ("fmax s0, s1, s2", Kind.SCALAR_FLOAT, 0, False),
        ("dup v0.4s, v1.s[0]", Kind.VECTOR_OTHER, 0, True),
        ("ldr q0, [x1, #16]", Kind.VECTOR_LOAD, 0, True),
        ("ldr d0, [x1]", Kind.VECTOR_LOAD, 0, False),
        ("ldr x0, [x1]", Kind.SCALAR_LOAD, 0, False),
        ("ldrb w0, [x1]", Kind.SCALAR_LOAD, 0, False),
        ("ldp q0, q1, [x1], #32", Kind.VECTOR_LOAD, 0, True),
        ("ld1r { v0.4s }, [x1], #4", Kind.VECTOR_LOAD, 0, True),
        ("ld1 { v0.s }[2], [x1]", Kind.VECTOR_LOAD, 0, False),
        ("stp x29, x30, [sp, #-16]!", Kind.SCALAR_STORE, 0, False),
        ("str q0, [x1]", Kind.VECTOR_STORE, 0, True),
        ("prfm pldl1keep, [x1, #256]", Kind.PREFETCH, 0, False),
        ("b.ne #-16", Kind.BRANCH, 0, False),
        ("bic x0, x1, x2", Kind.INTEGER, 0, False),
        ("add x0, x1, x2", Kind.INTEGER, 0, False),
    ],
)
def test_kinds(text: str, kind: Kind, multiply_adds: int, wide: bool) -> None:
    instruction = parse(text)
    assert (instruction.kind, instruction.multiply_adds, instruction.wide) == (kind, multiply_adds, wide)


def test_bound_by_hand() -> None:
    """100 of: a 128-bit FMA, a 128-bit load, a scalar load, and a branch."""
    texts = ("fmla v0.4s, v1.4s, v2.s[0]", "ldr q1, [x0]", "ldr x2, [x1], #8", "b.ne #-12")
    executed = [(100, parse(text)) for text in texts]
    a53, a72, a76 = (
        lower_bound(CORES[name], executed) for name in ("cortex-a53", "cortex-a72", "cortex-a76")
    )
    assert a53.cycles == 100 * (1 + 2)  # the wide load takes 2 and shares no cycle with the FMA
    assert a53.limit == "load"  # which 2 + 1 cycles of loading reach too
    assert a72.cycles == 100 * (1 + 1)  # one load port
    assert a72.limit == "load"
    assert a76.cycles == 100 * (0.5 + 0.5)
    assert a76.units["vector"] == 50


def test_bound_names_what_a_core_lacks() -> None:
    executed = [(7, parse("sdot v0.4s, v1.16b, v2.4b[0]"))]
    assert lower_bound(CORES["cortex-a72"], executed).lacking == 7
    assert lower_bound(CORES["cortex-a76"], executed).lacking == 0
    assert lower_bound(CORES["cortex-a76"], executed).cycles == 3.5


@needs_llvm
def test_disassembles_each_opcode_and_survives_a_bad_one() -> None:
    found = disassemble(["4e22cc20", "3dc003e3", "ffffffff"])
    assert found["4e22cc20"].text == "fmla v0.4s, v1.4s, v2.4s"
    assert found["3dc003e3"].text == "ldr q3, [sp]"
    assert found["ffffffff"] is UNKNOWN


def build(folder: Path, *defines: str) -> str:
    program = folder / "counted"
    flags = [f"-D{name}" for name in defines]
    subprocess.run(
        [
            COMPILER,
            "-nostdlib",
            "-static",
            f"-I{HARNESS}",
            *flags,
            str(HERE / "counted.S"),
            "-o",
            str(program),
        ],
        check=True,
    )
    return str(program)


@needs_sandbox
@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a72", "cortex-a76"])
def test_counts_by_hand(tmp_path: Path, cpu: str) -> None:
    counts = Sandbox(SANDBOX).count(cpu, [build(tmp_path, "ARITHMETIC")])
    summary = summarize(counts)
    assert counts.windows == 1
    assert summary.instructions == 1 + 4 * 100 + 3
    assert summary.kinds == {
        Kind.VECTOR_FMA.value: 100,
        Kind.VECTOR_LOAD.value: 100,
        Kind.INTEGER.value: 1 + 100 + 3,
        Kind.BRANCH.value: 100,
    }
    assert summary.multiply_adds == 400
    assert summary.bounds["cortex-a72"].cycles == pytest.approx(404 / 3)
    assert summary.bounds["cortex-a53"].cycles == 100 * (1 + 2)
    assert "_start" in next(iter(summary.symbols))
    assert "404 instructions" in render(summary)


@needs_sandbox
def test_counts_a_whole_run(tmp_path: Path) -> None:
    counts = Sandbox(SANDBOX).count("cortex-a72", [build(tmp_path, "ARITHMETIC")], whole=True)
    assert counts.instructions == 404 + 3 + 3  # the opening system call and the exit


@needs_sandbox
def test_cache_misses_by_hand(tmp_path: Path) -> None:
    """64 KB in order, twice: nothing is left in 32 KB when its turn comes; 1 MB keeps all."""
    memory = Sandbox(SANDBOX).count("cortex-a72", [build(tmp_path)], memory=True).memory
    assert memory is not None
    assert (memory.loads, memory.load_bytes, memory.stores) == (2048, 8 * 2048, 0)
    assert (memory.l1d_misses, memory.l2_misses) == (2048, 1024)


@needs_sandbox
def test_failures_are_named(tmp_path: Path) -> None:
    source = tmp_path / "fail.S"
    source.write_text(".global _start\n_start: mov x0, #3\n mov x8, #93\n svc #0\n")
    program = tmp_path / "fail"
    subprocess.run([COMPILER, "-nostdlib", "-static", str(source), "-o", str(program)], check=True)
    with pytest.raises(EmulationError, match="status 3"):
        Sandbox(SANDBOX).count("cortex-a72", [str(program)])
    source.write_text(source.read_text().replace("#3", "#0"))
    subprocess.run([COMPILER, "-nostdlib", "-static", str(source), "-o", str(program)], check=True)
    with pytest.raises(EmulationError, match="never opened"):
        Sandbox(SANDBOX).count("cortex-a72", [str(program)])


def test_a_folder_that_is_no_sandbox(tmp_path: Path) -> None:
    with pytest.raises(EmulationError, match=r"setup\.sh"):
        Sandbox(tmp_path)
