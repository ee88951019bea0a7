#!/usr/bin/env python3
"""Makes the networks that compare.py counts: the zoo's, dense and pruned, exported and compiled.

    prepare.py FOLDER [--networks mobilenet_v1 ...] [--sparsity 0 0.9] [--dtype float16] [--no-compile]

Runs in the project's environment. For each network and sparsity, FOLDER gets NAME-SPARSITY.pt2 (for
convert.py), .sct (this project's model file; of float16 .f16.sct, for the Cortex-A76), .input.npy and
.expected.npy (PyTorch's output). Weights are random, with batch-norm statistics measured; pruning is by
magnitude, the same sparsity in every convolution (depthwise ones excepted) and linear layer but the first
and the classifier, as in `secateur bench`. Executed instructions depend on shapes and on where the zeros
lie, not on what the weights are worth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from secateur.bench.networks import pruned_copy
from secateur.zoo import NETWORKS, make

# What layers' formats are chosen for: the core that the comparison is about, Cortex-A72; of float16 the
# Cortex-A76, which computes in it.
TARGETS = {"float32": "raspberry-pi-4", "float16": "raspberry-pi-5"}


def prepare(folder: Path, name: str, sparsity: float, dtype: str, *, compiled: bool) -> None:
    """Writes the files of one network at one sparsity."""
    module, inputs = make(name)
    if sparsity:
        module = pruned_copy(module, inputs, sparsity, keep_dense=NETWORKS[name].keep_dense)
    stem = folder / f"{name}-{round(100 * sparsity)}"
    with torch.no_grad():
        expected = module(*inputs)
    np.save(f"{stem}.input.npy", inputs[0].numpy())
    np.save(f"{stem}.expected.npy", expected.numpy())
    torch.export.save(torch.export.export(module, inputs), f"{stem}.pt2")
    if compiled:
        import secateur

        program = secateur.compile(module, inputs, target=TARGETS[dtype], dtype=dtype)
        program.save(f"{stem}.sct" if dtype == "float32" else f"{stem}.f16.sct")
        print("\n".join(line for line in program.report if line.startswith(("halve", "verify"))))
    print(stem.name)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--sparsity", nargs="+", type=float, default=[0.0, 0.9])
    parser.add_argument("--dtype", choices=TARGETS, default="float32", help="what layers compute with")
    parser.add_argument("--no-compile", action="store_true", help="leave out the .sct files")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.networks:
        for sparsity in options.sparsity:
            prepare(options.folder, name, sparsity, options.dtype, compiled=not options.no_compile)


if __name__ == "__main__":
    main()
