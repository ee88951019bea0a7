#!/usr/bin/env python3
"""One counted inference of a rival engine. Runs inside the emulator, under the userland's Python.

    count.py SANDBOX cortex-a72 python rivals.py model.tflite --input x.npy --output y.npy

The engine is LiteRT, whose f32 kernels are XNNPACK's; it goes dense or sparse as the model file has
it (sparsify_tflite.py). Input and output are arrays as the file has them; without --input, noise.
"""

from __future__ import annotations

import argparse
import ctypes

import numpy as np

# mark.h. Made ahead, so that the window holds little of the interpreter itself (some 20,000 instructions).
SYSCALL = ctypes.CDLL(None).syscall
MARK, OPEN, CLOSE = ctypes.c_long(0x8ACE), ctypes.c_long(1), ctypes.c_long(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--input")
    parser.add_argument("--output")
    options = parser.parse_args()
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=options.model, num_threads=1)
    interpreter.allocate_tensors()
    port = interpreter.get_input_details()[0]
    if options.input:
        x = np.load(options.input).astype(port["dtype"], copy=False)
    else:
        x = np.random.default_rng(1).standard_normal(port["shape"]).astype(port["dtype"])
    interpreter.set_tensor(port["index"], x)
    interpreter.invoke()  # warm-up: packing, first touch
    SYSCALL(MARK, OPEN)
    interpreter.invoke()
    SYSCALL(MARK, CLOSE)
    if options.output:
        np.save(options.output, interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


if __name__ == "__main__":
    main()
