"""Turns an exported program (.pt2) into a rival's model file. Started as a file, by the Python that has
the converter: imports no secateur.

    python convert.py onnx network.pt2 network.onnx
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
        {"onnx": to_onnx, "tflite": to_tflite}[kind](program, path)
    except ImportError as error:
        print(f"missing: {error}", file=sys.stderr)
        sys.exit(3)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        print(f"failed: {type(error).__name__}: {first}", file=sys.stderr)
        sys.exit(4)


if __name__ == "__main__":
    main()
