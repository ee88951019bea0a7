"""Whole compiled models on emulated Arm cores against the x86-64 runtime and against float64.

The same file runs here and there: compiled once by the Python side, opened by secateur.Session on this
machine and by secateur-run under qemu-aarch64 as each core. SECATEUR_ARM_BUILD names the build folder
(build/aarch64 unless set).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from networks import BUILDERS
from rounding import Exact, exact

import secateur
from secateur.bench.networks import pruned_copy
from secateur.zoo import NETWORKS, make

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SECATEUR_ARM_BUILD", ROOT / "build/aarch64"))
RUNNER = BUILD / "csrc/tools/secateur-run"
EMULATOR = shutil.which("qemu-aarch64-static")
CPUS = ("cortex-a53", "cortex-a72", "cortex-a76", "max")
# A tolerance of this share of the largest output would let wrong answers pass.
LOOSEST = 1e-3

pytestmark = pytest.mark.skipif(
    EMULATOR is None or not RUNNER.exists(),
    reason="needs qemu-aarch64-static and the AArch64 build (make test-arm)",
)


@dataclass(frozen=True)
class Case:
    """A compiled model, its input, and what is known about its output."""

    model: Path
    x: np.ndarray
    truth: Exact
    here: dict[str, np.ndarray]  # outputs of this machine's runtime, by instruction set

    def on_arm(self, cpu: str, isa: str, threads: int = 1, core: str | None = None) -> np.ndarray:
        """The output of one emulated run; `core` overrides whose kernels run."""
        folder = self.model.parent
        (folder / "input.f32").write_bytes(self.x.tobytes())
        command = [EMULATOR, "-cpu", cpu, str(RUNNER), str(self.model), "--repeat", "1", "--json"]
        command += ["--threads", str(threads), "--input", str(folder / "input.f32")]
        command += ["--output", str(folder / "output.f32")]
        environment = os.environ | {"SECATEUR_ISA": isa} | ({"SECATEUR_CORE": core} if core else {})
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr or f"status {done.returncode}"
        assert json.loads(done.stdout)["isa"] == isa
        y = np.fromfile(folder / "output.f32", np.float32)
        return y.reshape(self.truth.output.shape)


@pytest.fixture(scope="module", params=BUILDERS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    network, x = BUILDERS[request.param]()
    model = tmp_path_factory.mktemp("model") / "model.sct"
    secateur.compile(network, (x,)).save(model)
    array = x.numpy()
    isas = [isa for isa in ("scalar", "avx2", "avx512") if isa in secateur._core.available_isas()]
    here = {isa: secateur.Session(model, isa=isa).run(array) for isa in isas}
    return Case(model, array, exact(network, x), here)


def largest_error(y: np.ndarray, truth: np.ndarray) -> float:
    assert np.isfinite(y).all()
    return float(np.abs(y.astype(np.float64) - truth).max())


def test_the_tolerance_is_tight(case: Case) -> None:
    assert 0 < case.truth.tolerance < LOOSEST * np.abs(case.truth.output).max()


def test_x86_is_within_rounding(case: Case) -> None:
    for isa, y in case.here.items():
        assert largest_error(y, case.truth.output) <= case.truth.tolerance, isa


def test_arm_is_within_rounding(case: Case) -> None:
    """By NEON kernels: near float64, near every x86-64 result; cores with the same kernels alike to the bit.

    The Cortex-A53 has kernels of its own. Any core computes what another does when told to run its kernels.
    """
    outputs = {cpu: case.on_arm(cpu, "neon") for cpu in CPUS}
    for cpu, y in outputs.items():
        assert largest_error(y, case.truth.output) <= case.truth.tolerance, cpu
        for isa, x86 in case.here.items():
            assert largest_error(y, x86) <= case.truth.tolerance_between, (cpu, isa)
        if cpu != "cortex-a53":
            np.testing.assert_array_equal(y, outputs["max"], err_msg=cpu)
    np.testing.assert_array_equal(case.on_arm("cortex-a53", "neon", core="any"), outputs["max"])
    np.testing.assert_array_equal(case.on_arm("cortex-a76", "neon", core="in-order"), outputs["cortex-a53"])


def test_portable_kernels_are_within_rounding(case: Case) -> None:
    """SECATEUR_ISA=scalar. Not to the bit as on x86-64, whose baseline has no fused multiply-add."""
    outputs = {cpu: case.on_arm(cpu, "scalar") for cpu in ("cortex-a53", "max")}
    for cpu, y in outputs.items():
        assert largest_error(y, case.truth.output) <= case.truth.tolerance, cpu
        for isa, x86 in case.here.items():
            assert largest_error(y, x86) <= case.truth.tolerance_between, (cpu, isa)
    np.testing.assert_array_equal(outputs["cortex-a53"], outputs["max"])


def test_threads_agree_to_the_bit(case: Case) -> None:
    np.testing.assert_array_equal(case.on_arm("cortex-a72", "neon", 2), case.on_arm("cortex-a72", "neon"))


def test_resnet50_is_near_x86(tmp_path: Path) -> None:
    """The largest network once: its 7x7 and stride-2 convolutions have read past their masks before."""
    network, inputs = make("resnet50")
    network = pruned_copy(network, inputs, 0.9, keep_dense=NETWORKS["resnet50"].keep_dense)
    model = tmp_path / "model.sct"
    secateur.compile(network, inputs, verify=False).save(model)
    x = inputs[0].numpy()
    here = secateur.Session(model).run(x)
    case = Case(model, x, Exact(here, float("nan")), {})
    error = largest_error(case.on_arm("cortex-a53", "neon"), here)
    assert error <= LOOSEST / 10 * np.abs(here).max()
