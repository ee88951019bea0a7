"""onnxruntime, OpenVINO, ai-edge-litert and tflite-runtime: converted by their own tools, each in its own
process.

They disagree on NumPy, so each may live in another environment: `pythons` names the interpreter for an
engine ("onnxruntime", "openvino", "litert", "tflite") and for the converter to TensorFlow Lite
("litert-torch").
An engine without an entry is looked for in this Python.
"""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from secateur.bench.engines.base import INT8_TOLERANCE, Engine, EngineError, EngineMissingError, Runner
from secateur.bench.scratch import Scratch
from secateur.bench.workload import Array, Workload
from secateur.distribution import NAME
from secateur.files import save_atomically

HERE = Path(__file__).parent


class Worker(Runner):
    """A `worker.py` process with a model loaded; one inference per request."""

    def __init__(self, python: str, request: dict[str, Any], inputs: tuple[Array, ...], hint: str) -> None:
        self._folder = Scratch()
        self._hint = hint
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
        paths = []
        for number, x in enumerate(inputs):
            path = self._folder.path / f"{number}.npy"
            np.save(path, x)
            paths.append(str(path))
        try:
            self._process = subprocess.Popen(
                [python, str(HERE / "worker.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
        except OSError as error:
            self._folder.remove()
            self._errors.close()
            raise EngineMissingError(f"cannot start {python}: {error.strerror}") from None
        try:
            self._version = self._ask({"cmd": "load", "inputs": paths, **request})["version"]
        except EngineError:
            self.close()
            raise
        self._file_bytes = Path(request["model"]).stat().st_size

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise EngineError(f"the engine's process ended: {self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        if not reply["ok"]:
            if reply["missing"]:
                raise EngineMissingError(self._hint)
            raise EngineError(reply["error"])
        return reply

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.returncode}"

    def run(self) -> list[Array]:
        reply = self._ask({"cmd": "run", "into": str(self._folder.path)})
        return [np.load(path) for path in reply["outputs"]]

    def time_once(self) -> int:
        return int(self._ask({"cmd": "time"})["ns"])

    def facts(self) -> dict[str, Any]:
        return {"version": self._version, "file_bytes": self._file_bytes}

    def close(self) -> None:
        if self._process.poll() is None:
            try:
                assert self._process.stdin is not None
                self._process.stdin.write('{"cmd": "close"}\n')
                self._process.stdin.close()
                self._process.wait(timeout=10)
            except (OSError, subprocess.TimeoutExpired):
                self._process.kill()
                self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._errors.close()
        self._folder.remove()


def _weights_digest(workload: Workload) -> str:
    """Names a network with its weights and input shapes, so that each is converted once."""
    digest = hashlib.sha256(repr([x.shape for x in workload.inputs]).encode())
    digest.update(repr(workload.model).encode())
    for name, tensor in sorted(workload.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def convert(workload: Workload, kind: str, python: str, cache: Path, hint: str) -> Path:
    """The rival's file of `workload.model`, converted by `python` unless `cache` has it already."""
    import torch

    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{workload.name}-{_weights_digest(workload)}.{kind}"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(prefix="secateur-bench-") as folder:
        source = Path(folder) / "network.pt2"
        torch.export.save(torch.export.export(workload.model.eval(), workload.tensors()), source)
        made = Path(folder) / f"network.{kind}"
        try:
            done = subprocess.run(
                [python, str(HERE / "convert.py"), kind, str(source), str(made)],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise EngineMissingError(f"cannot start {python}: {error.strerror}") from None
        if done.returncode == 3:
            raise EngineMissingError(hint)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise EngineError(f"conversion to {kind} {lines[-1]}")
        save_atomically(target, made.read_bytes())
    return target


@functools.cache
def _scratch() -> Scratch:
    """Converted models of this process, where nobody asked to keep them; gone when it ends."""
    return Scratch()


class Rival(Engine):
    """An engine that runs a converted file in a worker process."""

    kind: str  # of the converted file
    converter: str  # whose Python converts
    hint: str
    request: ClassVar[Mapping[str, Any]]

    def __init__(self, pythons: Mapping[str, str] | None = None, cache: Path | None = None) -> None:
        self._pythons = dict(pythons or {})
        self._cache = cache if cache is not None else _scratch().path

    def model_file(self, workload: Workload) -> Path:
        """The workload's network as this engine takes it. Raises EngineMissingError, EngineError."""
        return convert(workload, self.kind, self._converter_python(), self._cache, self.hint)

    def load(self, workload: Workload, threads: int) -> Runner:
        path = self.model_file(workload)
        request = {"model": str(path), "threads": threads, **self.request}
        return Worker(self._python(self.name), request, workload.inputs, self.hint)

    def _python(self, name: str) -> str:
        return self._pythons.get(name.removesuffix("-int8"), sys.executable)

    def _converter_python(self) -> str:
        return self._pythons.get(self.converter) or self._python(self.name)


class OnnxRuntime(Rival):
    name = "onnxruntime"
    label = "onnxruntime"
    kind = "onnx"
    converter = "onnxruntime"
    hint = f"pip install onnxruntime onnxscript (or {NAME}[bench]), or --engine-python onnxruntime=PYTHON"
    request: ClassVar = {"engine": "onnxruntime"}


class OnnxRuntimeInt8(OnnxRuntime):
    name = "onnxruntime-int8"
    label = "onnxruntime, int8"
    kind = "int8.onnx"
    tolerance = INT8_TOLERANCE


class OpenVino(Rival):
    name = "openvino"
    label = "OpenVINO"
    kind = "onnx"
    converter = "onnxruntime"
    hint = "pip install openvino onnxruntime onnxscript, or --engine-python openvino=PYTHON"
    request: ClassVar = {"engine": "openvino"}


class OpenVinoInt8(OpenVino):
    name = "openvino-int8"
    label = "OpenVINO, int8"
    kind = "int8.onnx"
    tolerance = INT8_TOLERANCE


class LiteRt(Rival):
    name = "litert"
    label = "ai-edge-litert"
    kind = "tflite"
    converter = "litert-torch"
    hint = (
        "pip install ai-edge-litert litert-torch, best in an environment of their own: "
        "--engine-python litert=PYTHON"
    )
    request: ClassVar = {"engine": "tflite", "package": "ai_edge_litert", "channels_last": True}


class TfLiteRuntime(Rival):
    name = "tflite"
    label = "tflite-runtime"
    kind = "tflite"
    converter = "litert-torch"
    hint = (
        "pip install tflite-runtime 'numpy<2' in an environment of its own: --engine-python tflite=PYTHON, "
        "with --engine-python litert-torch=PYTHON to convert"
    )
    request: ClassVar = {"engine": "tflite", "package": "tflite_runtime", "channels_last": True}

    def _converter_python(self) -> str:
        return self._pythons.get("litert-torch") or self._pythons.get("litert") or sys.executable
