"""Turns an exported program (.pt2) into a rival's model file. Started as a file, by the Python that has
the converter: imports no secateur.

    python convert.py onnx network.pt2 network.onnx
    python convert.py int8.onnx network.pt2 network.int8.onnx
    python convert.py tflite network.pt2 network.tflite
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def to_onnx(program: Any, path: str) -> None:
    import torch

    importlib.import_module("onnxscript")  # torch.onnx needs it: say so before it does, at length

    exported = torch.onnx.export(program, dynamo=True, verbose=False, external_data=False)
    assert exported is not None
    exported.save(path)


def to_int8_onnx(program: Any, path: str) -> None:
    """By onnxruntime's own tool, static, weights by output channel; calibrated on the example inputs and on
    their values in other orders, as this runtime is (secateur_engine.py)."""
    import tempfile

    import numpy as np

    quantization: Any = importlib.import_module("onnxruntime.quantization")
    shape_inference: Any = importlib.import_module("onnxruntime.quantization.shape_inference")

    class Examples(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, names: list[str]) -> None:
            examples = [x.numpy() for x in program.example_inputs[0]]
            rng = np.random.default_rng(0)
            self.left = [dict(zip(names, examples))]  # noqa: B905
            for _ in range(7):
                noise = [rng.permutation(x.ravel()).reshape(x.shape) for x in examples]
                self.left.append(dict(zip(names, noise)))  # noqa: B905

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    with tempfile.TemporaryDirectory() as folder:
        plain, ready = folder + "/plain.onnx", folder + "/ready.onnx"
        to_onnx(program, plain)
        shape_inference.quant_pre_process(plain, ready, skip_symbolic_shape=True)
        onnx: Any = importlib.import_module("onnx")
        names = [port.name for port in onnx.load(ready).graph.input]
        quantization.quantize_static(
            ready,
            path,
            Examples(names),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )


def to_tflite(program: Any, path: str) -> None:
    """Images go in and out channels last: TensorFlow Lite's own order, so that it pays no transposes."""
    import torch

    litert_torch: Any = importlib.import_module("litert_torch")

    class Network(torch.nn.Module):
        # An exported program's module refuses eval(); it is already frozen in eval mode.
        def __init__(self) -> None:
            super().__init__()
            self.body = program.module()

        def forward(self, *inputs: Any) -> Any:
            return self.body(*inputs)

        def train(self, mode: bool = True) -> Any:
            return self

    inputs = tuple(program.example_inputs[0])
    images = [i for i, x in enumerate(inputs) if x.dim() == 4]
    network: Any = Network()
    if images:
        network = litert_torch.to_channel_last_io(network, args=images)
        inputs = tuple(x.permute(0, 2, 3, 1).contiguous() if x.dim() == 4 else x for x in inputs)
    litert_torch.convert(network, inputs).export(path)


def main() -> None:
    kind, source, path = sys.argv[1:]
    try:
        import torch

        program = torch.export.load(source)
        kinds = {"onnx": to_onnx, "int8.onnx": to_int8_onnx, "tflite": to_tflite}
        kinds[kind](program, path)
    except ImportError as error:
        print(f"missing: {error}", file=sys.stderr)
        sys.exit(3)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        print(f"failed: {type(error).__name__}: {first}", file=sys.stderr)
        sys.exit(4)


if __name__ == "__main__":
    main()
