"""Whole networks from the ONNX package: the light ones of its backend tests, whose weights are constants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import secateur as sct

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
FAST = ("squeezenet", "shufflenet")
NAMES = sorted(path.stem.removeprefix("light_") for path in LIGHT.glob("light_*.onnx"))


@pytest.mark.skipif(not NAMES, reason="this build of onnx has no light networks")
@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_light_network(name: str) -> None:
    """On the input that the package's own test takes, the output that it expects."""
    path = LIGHT / f"light_{name}.onnx"
    want = TensorProto()
    want.ParseFromString((LIGHT / f"light_{name}_output_0.pb").read_bytes())
    expected = numpy_helper.to_array(want)
    program = sct.compile(path, verify=False, allow_empty=True)
    (shape,) = program.inputs.values()
    size = int(np.prod(shape))
    x = (np.arange(size).reshape(shape) / size).astype(np.float32)
    y = program.session().run(x)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-5)
