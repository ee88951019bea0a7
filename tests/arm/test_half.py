"""Models of float16 on emulated Arm cores: the Cortex-A76 computes in f16, the A53 and A72 in f32 between
conversions, and all lie within what rounding to f16 explains (rounding.py)."""

from __future__ import annotations

import numpy as np
import pytest
from networks import BUILDERS
from rounding import exact
from test_models import EMULATOR, RUNNER, Case, largest_error

import secateur

pytestmark = pytest.mark.skipif(
    EMULATOR is None or not RUNNER.exists(),
    reason="needs qemu-aarch64-static and the AArch64 build (make test-arm)",
)

UNIT = 2.0**-11
# The model of errors is an upper estimate, ten to a hundred times what is measured (docs/arm.md).
LOOSEST = 0.5
CORES = (("cortex-a53", "neon"), ("cortex-a72", "neon"), ("cortex-a76", "neonfp16"), ("max", "neonfp16"))


@pytest.fixture(scope="module", params=["demo dense", "demo element 90%", "demo 4x1 80%"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    network, x = BUILDERS[request.param]()
    model = tmp_path_factory.mktemp("half") / "model.sct"
    secateur.compile(network, (x,), dtype="float16", target="cortex-a76").save(model)
    here = {"": secateur.Session(model).run(x.numpy())}
    return Case(model, x.numpy(), exact(network, x, UNIT), here)


def test_every_core_is_within_rounding(case: Case) -> None:
    truth = case.truth
    assert 0 < truth.tolerance < LOOSEST * np.abs(truth.output).max()
    outputs = {cpu: case.on_arm(cpu, isa) for cpu, isa in CORES}
    for cpu, y in (*outputs.items(), ("here", case.here[""])):
        assert largest_error(y, truth.output) <= truth.tolerance, cpu
        # Far nearer than that, in fact: a wrong weight or channel shows.
        assert np.sqrt(np.square(y - truth.output).mean()) < 32 * UNIT * np.abs(truth.output).max(), cpu
    np.testing.assert_array_equal(outputs["cortex-a76"], outputs["max"])
    assert not np.array_equal(outputs["cortex-a76"], outputs["cortex-a72"])  # it did compute in f16


def test_threads_agree_to_the_bit(case: Case) -> None:
    one, two = (case.on_arm("cortex-a76", "neonfp16", threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
