"""Sessions compute, describe themselves and refuse what they cannot take."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from runtime_models import Spec, csr_weight, dense_weight, linear_model

import secateur as sct
from secateur import _core
from secateur.errors import (
    DTypeError,
    InvalidArgumentError,
    ModelFileError,
    ModelNotFoundError,
    RuntimeUnavailableError,
    SecateurError,
    ShapeError,
)


def sparse_matrix(rows: int, cols: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((rows, cols)).astype(np.float32)
    matrix[rng.random((rows, cols)) < 0.7] = 0
    return matrix


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("make", [dense_weight, csr_weight])
@pytest.mark.parametrize("order", ["channels_first", "channels_last"])
@pytest.mark.parametrize(("batch", "positions"), [(1, 1), (1, 5), (2, 17)])
def test_linear_matches_numpy(isa, make, order, batch, positions):
    rows, cols = 13, 29
    matrix, bias = sparse_matrix(rows, cols), np.linspace(-1, 1, rows, dtype=np.float32)
    session = sct.Session(linear_model(make(matrix), bias, batch, positions, order), isa=isa)
    x = np.random.default_rng(1).standard_normal((batch, positions, cols)).astype(np.float32)
    y = session.run(np.ascontiguousarray(x if order == "channels_last" else x.transpose(0, 2, 1)))
    if order == "channels_first":
        y = y.transpose(0, 2, 1)
    exact = x.astype(np.float64) @ matrix.T.astype(np.float64) + bias
    # docs/numerics.md: a dot product of K terms is within (K + 2) 2^-24 of the sum of magnitudes
    bound = (cols + 2) * 2.0**-24 * (np.abs(x).astype(np.float64) @ np.abs(matrix.T) + np.abs(bias))
    assert y.dtype == np.float32
    assert np.all(np.abs(y - exact) <= bound)
    assert session.isa == isa


@pytest.fixture
def model() -> bytes:
    return linear_model(csr_weight(sparse_matrix(4, 6)), None, 1, 3)


@pytest.fixture
def x() -> np.ndarray:
    return np.arange(18, dtype=np.float32).reshape(1, 3, 6)


def two_ports() -> bytes:
    spec = Spec()
    a, b = spec.tensor(1, 2, 1, 3), spec.tensor(1, 2, 1, 3)
    total, difference = spec.tensor(1, 2, 1, 3), spec.tensor(1, 2, 1, 3)
    spec.op("Binary", [a, b], total, {"kind": "add"})
    spec.op("Binary", [a, b], difference, {"kind": "sub"})
    for tensor in (a, b):
        spec.port(spec.inputs, tensor, [2, 3], "channels_first")
    for tensor in (total, difference):
        spec.port(spec.outputs, tensor, [2, 3], "channels_first")
    return spec.encode()


def test_several_inputs_and_outputs():
    session = sct.Session(two_ports())
    a, b = np.ones((2, 3), np.float32), np.full((2, 3), 3, np.float32)
    for result in (session.run(a, b), session.run([a, b]), session.run((a, b))):
        assert isinstance(result, tuple)
        np.testing.assert_array_equal(result[0], a + b)
        np.testing.assert_array_equal(result[1], a - b)
    with pytest.raises(ShapeError, match="takes 2 inputs, 1 were given"):
        session.run(a)
    with pytest.raises(ShapeError, match="takes 2 inputs, 0 were given"):
        session.run()


def test_results_are_new_arrays(model, x):
    session = sct.Session(model)
    first = session.run(x)
    kept = first.copy()
    session.run(x + 1)
    np.testing.assert_array_equal(first, kept)


def test_opens_paths_bytes_and_programs(tmp_path, model, x):
    path = tmp_path / "müdel.sct"
    path.write_bytes(model)

    class Program:
        def to_bytes(self) -> bytes:
            return model

        def save(self, path: object) -> None: ...

    results = [sct.Session(source).run(x) for source in (path, str(path), model, bytearray(model), Program())]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    path.unlink()
    with pytest.raises(DTypeError, match="not int"):
        sct.Session(3)  # type: ignore[arg-type]


def test_the_file_is_not_needed_after_opening(tmp_path, model, x):
    path = tmp_path / "m.sct"
    path.write_bytes(model)
    session = sct.Session(path)
    expected = session.run(x)
    path.write_bytes(b"")
    np.testing.assert_array_equal(session.run(x), expected)


def test_describes_itself(model):
    session = sct.Session(model)
    assert session.name == "tiny"
    assert session.threads == 1
    assert session.inputs == [{"name": "p0", "shape": (1, 3, 6), "dtype": "float32"}]
    assert session.outputs[0]["shape"] == (1, 3, 4)
    (layer,) = session.layers
    nnz = np.count_nonzero(sparse_matrix(4, 6))
    assert layer["op"] == "Conv"
    assert layer["format"] == "csr"
    assert (layer["rows"], layer["cols"], layer["nnz"]) == (4, 6, nnz)
    assert layer["sparsity"] == pytest.approx(1 - nnz / 24)
    assert layer["input_shape"] == (1, 6, 1, 3)
    assert layer["output_shape"] == (1, 4, 1, 3)
    assert layer["reason"] == "a test"
    assert layer["stored_bytes"] == nnz * 5 + 4 * 2
    assert set(session.memory) == {"arena", "scratch", "packed", "state"}
    (row,) = session.profile(runs=3)
    assert 0 < row["min_ns"] <= row["median_ns"]
    assert set(row) == {"name", "op", "kernel", "median_ns", "min_ns", "macs"}
    with pytest.raises(InvalidArgumentError):
        session.profile(runs=0)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda x: x.astype(np.float64), DTypeError, "dtype float64, expected float32"),
        (lambda x: x.astype(np.float16), DTypeError, "float16"),
        (lambda x: x.astype(">f4"), DTypeError, "expected float32"),
        (lambda x: x.astype(np.int32), DTypeError, "int32"),
        (lambda x: x.tolist(), DTypeError, "is a list, not a numpy array"),
        (lambda x: "x", DTypeError, "is a str"),
        (lambda x: None, DTypeError, "is a NoneType"),
        (lambda x: x[:, :2], ShapeError, r"has shape \(1, 2, 6\), expected \(1, 3, 6\)"),
        (lambda x: x[0], ShapeError, r"\(3, 6\)"),
        (lambda x: x[:0], ShapeError, r"has shape \(0, 3, 6\), expected \(1, 3, 6\)"),
        (lambda x: np.repeat(x, 2, axis=0), ShapeError, r"\(2, 3, 6\)"),
        (lambda x: np.float32(1), DTypeError, "not a numpy array"),
        (lambda x: np.asfortranarray(x), DTypeError, r"numpy\.ascontiguousarray"),
        (lambda x: x[:, :, ::-1], DTypeError, r"numpy\.ascontiguousarray"),
        (
            lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape),
            DTypeError,
            r"aligned: call array\.copy",
        ),
    ],
)
def test_wrong_arrays(model, x, change, error, words):
    session = sct.Session(model)
    with pytest.raises(error, match=words) as caught:
        session.run(change(x))
    assert isinstance(caught.value, SecateurError)
    assert session.run(x).shape == (1, 3, 4)  # still works


def test_threads(model, x):
    cpus = _core.available_cpus()
    expected = sct.Session(model).run(x)
    for threads in range(1, min(cpus, 4) + 1):
        np.testing.assert_array_equal(sct.Session(model, threads=threads).run(x), expected)
    for threads in (0, cpus + 1, 10_000):
        session = sct.Session(model, threads=threads)
        assert session.threads == cpus
        np.testing.assert_array_equal(session.run(x), expected)
    for threads in (-3, 1.5, "2", True, 2**40, None):
        with pytest.raises(InvalidArgumentError):
            sct.Session(model, threads=threads)  # type: ignore[arg-type]


def test_isa(model, monkeypatch):
    with pytest.raises(RuntimeUnavailableError, match="'sse9' is unknown; usable: scalar"):
        sct.Session(model, isa="sse9")
    monkeypatch.setenv("SECATEUR_ISA", "scalar")
    assert sct.Session(model).isa == "scalar"
    assert _core.selected_isa() == "scalar"
    monkeypatch.setenv("SECATEUR_ISA", "mmx")
    with pytest.raises(RuntimeUnavailableError, match="SECATEUR_ISA"):
        sct.Session(model)
    with pytest.raises(RuntimeUnavailableError, match="SECATEUR_ISA"):
        _core.selected_isa()


def test_several_python_threads_share_a_session(model, x):
    session = sct.Session(model)
    expected = [session.run(x + k) for k in range(4)]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(200):
            if not np.array_equal(session.run(x + k), expected[k]):
                wrong.append(k)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_close(model, x):
    with sct.Session(model) as session:
        session.run(x)
        assert repr(session).startswith("Session('tiny', threads=1")
    session.close()
    with pytest.raises(InvalidArgumentError, match="closed"):
        session.run(x)
    assert "closed" in repr(session)
    assert session.layers  # the model is still described


def test_a_session_does_not_cross_a_fork(model, x):
    program = (
        "import os, sys, numpy as np, secateur as sct\n"
        "session = sct.Session(sys.argv[1], threads=1)\n"
        "x = np.zeros((1, 3, 6), np.float32)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try:\n"
        "        session.run(x)\n"
        "    except sct.errors.RuntimeUnavailableError:\n"
        "        sct.Session(sys.argv[1]).run(x)\n"
        "        os._exit(0)\n"
        "    os._exit(1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"secateur-fork-{os.getpid()}.sct"
    path.write_bytes(model)
    try:
        done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=60)
    finally:
        path.unlink()
    assert done.returncode == 0


def test_paths_that_are_no_models(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no file at") as caught:
        sct.Session(tmp_path / "none.sct")
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(ModelNotFoundError):
        sct.Session("")
    with pytest.raises(ModelNotFoundError):
        sct.Session("a\0b")
    with pytest.raises(ModelFileError, match="is a directory"):
        sct.Session(tmp_path)
    for content, words in [
        (b"", "empty"),
        (b"hello", "not a secateur model"),
        (b"PK\x03\x04" + bytes(60), "zip archive"),
        (b"\x1c\0\0\0TFL3" + bytes(60), "TensorFlow Lite"),
    ]:
        path = tmp_path / "foreign"
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=words):
            sct.Session(path)


def test_every_shorter_file(model):
    for size in [*range(min(256, len(model))), *range(256, len(model), 64)]:
        with pytest.raises(ModelFileError, match=r"truncated|empty"):
            sct.Session(model[:size])


def test_every_damaged_byte(model):
    for i in range(len(model)):
        damaged = bytearray(model)
        damaged[i] ^= 0xA5
        with pytest.raises(ModelFileError):
            sct.Session(bytes(damaged))


def test_a_newer_version_is_named(model):
    newer = bytearray(model)
    newer[8] = 7
    with pytest.raises(ModelFileError, match=r"version 7\.\d+, this library reads up to 2\.x"):
        sct.Session(bytes(newer))
