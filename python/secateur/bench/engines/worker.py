"""Runs one rival engine in a Python of its own. Started as a file, by any Python: imports no secateur.

Requests are JSON lines on stdin, answers JSON lines on stdout; arrays travel as .npy files.

    {"cmd": "load", "engine": "onnxruntime", "model": "m.onnx", "inputs": ["0.npy"], "threads": 1}
    {"cmd": "run", "into": "folder"}       -> {"ok": true, "outputs": ["folder/0.npy"]}
    {"cmd": "time"}                        -> {"ok": true, "ns": 1234567}
    {"cmd": "close"}

A failure is {"ok": false, "missing": bool, "error": "one sentence"}.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
import time
from typing import Any, TextIO


class OnnxRuntime:
    def __init__(self, request: dict[str, Any], inputs: list[Any]) -> None:
        onnxruntime: Any = importlib.import_module("onnxruntime")
        self.version: str = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request["threads"]
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            request["model"], options, providers=["CPUExecutionProvider"]
        )
        names = [port.name for port in self.session.get_inputs()]
        self.feeds = dict(zip(names, inputs))  # noqa: B905 (Python 3.9 has no strict)

    def run(self) -> list[Any]:
        outputs: list[Any] = self.session.run(None, self.feeds)
        return outputs


class OpenVino:
    """Reads ONNX; int8 where that has quantize and dequantize nodes."""

    def __init__(self, request: dict[str, Any], inputs: list[Any]) -> None:
        openvino: Any = importlib.import_module("openvino")
        self.version: str = openvino.__version__.split("-")[0]
        settings = {
            "INFERENCE_NUM_THREADS": request["threads"],
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",  # no bf16 in its stead
        }
        core = openvino.Core()
        compiled = core.compile_model(core.read_model(request["model"]), "CPU", settings)
        self.request = compiled.create_infer_request()
        self.inputs = [openvino.Tensor(x) for x in inputs]
        for port, tensor in zip(compiled.inputs, self.inputs):  # noqa: B905
            self.request.set_tensor(port, tensor)
        self.outputs = list(compiled.outputs)

    def run(self) -> list[Any]:
        self.request.infer()
        return [self.request.get_tensor(port).data.copy() for port in self.outputs]


class TfLite:
    """Either package of TensorFlow Lite's interpreter. Images are channels last, as it wants them."""

    def __init__(self, request: dict[str, Any], inputs: list[Any]) -> None:
        package = request["package"]
        module: Any = importlib.import_module(package + ".interpreter")
        self.version = importlib.metadata.version(package.replace("_", "-"))
        self.interpreter = module.Interpreter(model_path=request["model"], num_threads=request["threads"])
        self.interpreter.allocate_tensors()
        # Converted names end in _0, _1, ...: the order of the arguments.
        details = sorted(self.interpreter.get_input_details(), key=lambda d: str(d["name"]))
        self.inputs = []
        for detail, x in zip(details, inputs):  # noqa: B905
            if request["channels_last"] and x.ndim == 4:
                x = x.transpose(0, 2, 3, 1).copy()
            if tuple(detail["shape"]) != x.shape:
                raise ValueError(f"input {detail['name']} is {detail['shape']}, given {x.shape}")
            self.inputs.append((detail["index"], x))
        self.outputs = [d["index"] for d in self.interpreter.get_output_details()]

    def run(self) -> list[Any]:
        for index, x in self.inputs:
            self.interpreter.set_tensor(index, x)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(index) for index in self.outputs]


ENGINES: dict[str, Any] = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "tflite": TfLite}


def answer(request: dict[str, Any], engine: Any) -> tuple[dict[str, Any], Any]:
    """(reply, engine) to one request; the engine is made by "load"."""
    import numpy as np

    command = request["cmd"]
    if command == "load":
        inputs = [np.load(path) for path in request["inputs"]]
        engine = ENGINES[request["engine"]](request, inputs)
        return {"ok": True, "version": engine.version}, engine
    if command == "run":
        paths = []
        for number, y in enumerate(engine.run()):
            paths.append(os.path.join(request["into"], f"out{number}.npy"))
            np.save(paths[-1], np.ascontiguousarray(y, dtype=np.float32))
        return {"ok": True, "outputs": paths}, engine
    if command == "time":
        start = time.perf_counter_ns()
        engine.run()
        return {"ok": True, "ns": time.perf_counter_ns() - start}, engine
    raise ValueError("unknown command " + command)


def serve(answers: TextIO) -> None:
    engine: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["cmd"] == "close":
            return
        try:
            reply, engine = answer(request, engine)
        except ImportError as error:
            reply = {"ok": False, "missing": True, "error": str(error)}
        except Exception as error:
            reply = {"ok": False, "missing": False, "error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


def main() -> None:
    # Engines write banners to stdout; keep a copy of it for answers and send the rest to stderr.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(answers)


if __name__ == "__main__":
    main()
