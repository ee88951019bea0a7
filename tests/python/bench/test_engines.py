"""The adapters: which there are, PyTorch's, this runtime's, and the protocol of the worker process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from secateur.bench.engines import DEFAULT_NAMES, NAMES, make_engines
from secateur.bench.engines import rivals as rivals_module
from secateur.bench.engines.base import EngineError, EngineMissingError
from secateur.bench.engines.rivals import OnnxRuntime, Worker
from secateur.bench.harness import compare_outputs, measure
from secateur.bench.workload import Workload
from secateur.errors import InvalidArgumentError

WORKER = Path(rivals_module.__file__).with_name("worker.py")

# Stands in for an engine's package: doubles its input, and says so on stdout as chatty engines do.
FAKE_ONNXRUNTIME = """
import numpy as np
__version__ = "9.9"
print("a banner")
class SessionOptions: pass
class Port: name = "x"
class InferenceSession:
    def __init__(self, path, options, providers):
        if open(path).read() == "broken":
            raise RuntimeError("cannot read the model")
        if open(path).read() == "deadly":
            import os; os.write(2, b"last words"); os._exit(7)
    def get_inputs(self): return [Port()]
    def run(self, names, feeds): return [2 * feeds["x"]]
"""


@pytest.fixture
def network() -> Workload:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 1)
    )
    x = np.random.default_rng(0).standard_normal((1, 3, 9, 7)).astype(np.float32)
    return Workload("net", model.eval(), (x,), dense_model=model)


@pytest.fixture
def fake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "onnxruntime.py").write_text(FAKE_ONNXRUNTIME)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_names() -> None:
    assert [engine.name for engine in make_engines()] == list(DEFAULT_NAMES)
    assert [engine.name for engine in make_engines(NAMES)] == list(NAMES)
    assert len({engine.label for engine in make_engines(NAMES)}) == len(NAMES)
    with pytest.raises(InvalidArgumentError, match="no engine is called 'tvm'"):
        make_engines(["tvm"])
    with pytest.raises(InvalidArgumentError, match="none of them"):
        make_engines(["torch"], pythons={"torch": "/usr/bin/python"})


def test_torch_and_this_runtime_agree(network: Workload) -> None:
    before = torch.get_num_threads()
    outcomes = measure(make_engines(["secateur", "secateur-dense", "torch"]), network, samples=2, warmup=1)
    assert [o.status for o in outcomes] == ["ok", "ok", "ok"], [o.message for o in outcomes]
    assert all(min(o.samples) > 0 for o in outcomes)
    assert outcomes[0].facts["file_bytes"] > 0
    assert torch.get_num_threads() == before


def test_a_network_is_compiled_once(network: Workload) -> None:
    (engine,) = make_engines(["secateur"])
    assert engine.model_file(network) == engine.model_file(network)  # type: ignore[attr-defined]


def test_a_rival_that_is_not_installed_names_the_package(network: Workload, tmp_path: Path) -> None:
    # -S -E keep site-packages away, so that nothing is installed there.
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    python.chmod(0o755)
    (outcome,) = measure([OnnxRuntime({"onnxruntime": str(python)}, tmp_path / "cache")], network, samples=1)
    assert outcome.status == "not installed"
    assert "pip install onnxruntime" in outcome.message
    (outcome,) = measure(
        [OnnxRuntime({"onnxruntime": "/no/such/python"}, tmp_path / "cache")], network, samples=1
    )
    assert outcome.status == "not installed"
    assert "/no/such/python" in outcome.message


def test_worker_answers_over_pipes(fake_package: Path) -> None:
    model = fake_package / "m.onnx"
    model.write_text("fine")
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    worker = Worker(
        sys.executable, {"engine": "onnxruntime", "model": str(model), "threads": 1}, (x,), "hint"
    )
    try:
        np.testing.assert_array_equal(worker.run()[0], 2 * x)
        assert worker.time_once() > 0
        assert worker.facts() == {"version": "9.9", "file_bytes": 4}
    finally:
        worker.close()
    worker.close()  # once more does nothing


# As much of openvino's interface as worker.py uses; its network doubles the input.
FAKE_OPENVINO = """
import numpy as np
__version__ = "2030.1-abc"
class Tensor:
    def __init__(self, data): self.data = data
class Request:
    def set_tensor(self, port, tensor): self.x = tensor.data
    def infer(self): self.y = 2 * self.x
    def get_tensor(self, port): return Tensor(self.y)
class Compiled:
    inputs, outputs = ["x"], ["y"]
    def create_infer_request(self): return Request()
class Core:
    def read_model(self, path): return open(path).read()
    def compile_model(self, model, device, settings):
        assert (model, device, settings["INFERENCE_NUM_THREADS"]) == ("fine", "CPU", 3)
        return Compiled()
"""


def test_openvino_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openvino.py").write_text(FAKE_OPENVINO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    model = tmp_path / "m.onnx"
    model.write_text("fine")
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    worker = Worker(sys.executable, {"engine": "openvino", "model": str(model), "threads": 3}, (x,), "hint")
    try:
        np.testing.assert_array_equal(worker.run()[0], 2 * x)
        assert worker.facts()["version"] == "2030.1"
    finally:
        worker.close()


def test_int8_agrees_within_its_tolerance(network: Workload) -> None:
    outcomes = measure(make_engines(["secateur-int8", "secateur-dense-int8"]), network, samples=1, warmup=0)
    assert [o.status for o in outcomes] == ["ok", "ok"], [o.message for o in outcomes]
    largest = max(float(np.abs(y).max()) for y in network.reference)
    for outcome in outcomes:
        assert outcome.max_abs_err is not None
        assert 0 < outcome.max_abs_err < 0.05 * largest  # rounded, and no more than rounded
        assert outcome.tolerance == pytest.approx(0.4 * largest)
    y = network.reference[0]
    assert compare_outputs([np.zeros_like(y)], [y], 0.4)[2].startswith("differs from PyTorch")


@pytest.mark.parametrize(
    ("content", "sentence"), [("broken", "cannot read the model"), ("deadly", "process ended: last words")]
)
def test_worker_failures_are_told(fake_package: Path, content: str, sentence: str) -> None:
    model = fake_package / "m.onnx"
    model.write_text(content)
    request = {"engine": "onnxruntime", "model": str(model), "threads": 1}
    with pytest.raises(EngineError, match=sentence):
        Worker(sys.executable, request, (np.ones(1, np.float32),), "hint")


def test_worker_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "onnxruntime.py").write_text("import a_package_that_is_not_there")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineMissingError, match="the hint"):
        Worker(sys.executable, {"engine": "onnxruntime", "model": "m", "threads": 1}, (), "the hint")


def test_worker_needs_no_secateur() -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(WORKER)],
        input='{"cmd": "run", "into": "/"}\n{"cmd": "what"}\n{"cmd": "close"}\n',
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert not first["ok"]
    assert not first["missing"]
    assert "unknown command" in second["error"]
    for name in ("worker.py", "convert.py"):
        assert "import secateur" not in WORKER.with_name(name).read_text()
        assert "from secateur" not in WORKER.with_name(name).read_text()
