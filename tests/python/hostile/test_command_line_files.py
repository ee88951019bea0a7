"""Files that a command is given: profiles, arrays, ONNX models. What each holds, or the documented error."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="scripts/requirements-dev.txt")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostile.damage import cut, files, read_or_refused
from secateur import _core
from secateur.cli.quantize import read_calibration
from secateur.cli.run import read_array
from secateur.errors import InvalidArgumentError, SecateurError
from secateur.machine import load_profile, read_profile

# The same examples every time, and none that is timed.
bounded = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def profile() -> dict[str, Any]:
    row = {"ns": 1000, "per_mille": 500, "threads": 1, "dtype": 0, "format": 0}
    return {
        "secateur_profile": _core.PROFILE_VERSION,
        "columns": _core.PROFILE_COLUMNS,
        "plans": [[row.get(name, 1) for name in _core.PROFILE_COLUMNS]],
        "fma_gflops": 100.0,
        "cpu": "x86-1",
        "cpu_name": "A CPU",
        "family": "x86",
        "isa": "avx2",
    }


def array(value: Any) -> bytes:
    made = io.BytesIO()
    np.save(made, value)
    return made.getvalue()


def archive(**values: Any) -> bytes:
    made = io.BytesIO()
    np.savez(made, **values)
    return made.getvalue()


def test_the_profile_is_one() -> None:
    read = read_profile("p", json.dumps(profile()).encode())
    assert read.peak == 50.0
    assert [layer.ns for layer in read.layers] == [1000]


@bounded
@given(data=files(profile()))
def test_profiles(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(data)
    read = read_or_refused(load_profile, path, InvalidArgumentError)
    assert read is None or read.peak > 0


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 50_000,
        json.dumps({**profile(), "fma_gflops": 10**400}).encode(),
        json.dumps({**profile(), "plans": [{"a": 1}]}).encode(),
    ],
)
def test_profiles_that_ended_otherwise(content: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match="profile"):
        read_profile("p.json", content)


@bounded
@given(data=cut(array(np.arange(6, dtype=np.float32).reshape(2, 3))) | st.binary(max_size=60))
def test_arrays(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    read = read_or_refused(read_array, path, InvalidArgumentError)
    assert read is None or isinstance(read, np.ndarray)


ARCHIVE = archive(a=np.ones((2, 3), np.float32), b=np.zeros(4, np.int64))


@bounded
@given(data=cut(ARCHIVE) | cut(array(np.ones(5))) | st.binary(max_size=60))
def test_calibration_files(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    path.write_bytes(data)
    read = read_or_refused(lambda file: read_calibration(str(file)), path, InvalidArgumentError)
    assert read is None or isinstance(read, np.ndarray | dict)


def test_calibration_files_that_ended_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    for content, words in [
        (b"PK\x03\x04" + bytes(40), "cannot be read"),
        (b"", "cannot be read"),
        (archive(), "holds no array"),
        (archive(a=np.array([{}], dtype=object)), "cannot be read"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InvalidArgumentError, match=words):
            read_calibration(str(path))


@pytest.fixture(scope="module")
def onnx_file() -> bytes:
    onnx = pytest.importorskip("onnx")
    h = onnx.helper
    weight = onnx.numpy_helper.from_array(np.ones((2, 4), np.float32), "w")
    graph = h.make_graph(
        [h.make_node("Gemm", ["x", "w"], ["g"], transB=1), h.make_node("Relu", ["g"], ["y"])],
        "net",
        [h.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4])],
        [h.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 2])],
        [weight],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@settings(bounded, max_examples=60)
@given(data=st.data())
def test_onnx_models(data: st.DataObject, onnx_file: bytes, tmp_path: Path) -> None:
    from secateur.frontend.onnx.read import read

    path = tmp_path / "bent.onnx"
    path.write_bytes(data.draw(cut(onnx_file) | st.binary(max_size=60)))
    with contextlib.suppress(SecateurError):
        read(path)
