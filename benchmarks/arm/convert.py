#!/usr/bin/env python3
"""Converts exported networks (.pt2) to TFLite, for the rival engine. Runs in an environment of its own.

    python3 -m venv DIR && DIR/bin/pip install torch==2.13.0 litert-torch
    DIR/bin/python convert.py FOLDER            # every .pt2 in it that has no .tflite yet
    DIR/bin/python convert.py FOLDER --sparse   # and, beside it, .sparse.tflite for XNNPACK's sparse path

The .pt2 files (prepare.py) hold the weights, so nothing of this project is imported here. Each .tflite
is run on the file's own input and compared with PyTorch; a sparse one with its dense self as well.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import litert_torch
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from sparsify_tflite import sparsify

# Two engines that add in different orders differ by rounding alone; a wrong conversion is off by the
# size of the outputs. Relative to the largest output.
TOLERANCE = 1e-3


def run(path: Path, x: np.ndarray) -> np.ndarray:
    """One inference of a TFLite model on x86-64."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def check(path: Path, x: np.ndarray, expected: np.ndarray) -> None:
    error = float(np.abs(run(path, x) - expected).max() / np.abs(expected).max())
    if not error < TOLERANCE:
        raise SystemExit(f"{path.name} is off by {error:.2e} of the largest output")
    print(f"{path.name}: agrees with PyTorch to {error:.1e}")


def convert(source: Path, *, sparse: bool) -> None:
    """Converts one .pt2 to a .tflite beside it, and checks it."""
    program = torch.export.load(source)
    (x,) = program.example_inputs[0]
    expected = program.module()(x).detach().numpy()
    target = source.with_suffix(".tflite")
    if not target.exists():
        partial = target.with_suffix(".partial")
        litert_torch.convert(program.module(), (x,)).export(str(partial))
        partial.rename(target)
    check(target, x.numpy(), expected)
    if sparse:
        rewritten = source.with_suffix(".sparse.tflite")
        done = sparsify(target, rewritten)
        print(f"{rewritten.name}: {done or 'nothing to rewrite'}")
        check(rewritten, x.numpy(), expected)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sparse", action="store_true")
    options = parser.parse_args()
    sources = sorted(options.folder.glob("*.pt2"))
    if not sources:
        sys.exit(f"no .pt2 files in {options.folder} (prepare.py makes them)")
    for source in sources:
        convert(source, sparse=options.sparse)


if __name__ == "__main__":
    main()
