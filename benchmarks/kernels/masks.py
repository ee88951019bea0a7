"""Masks of really trained sparse networks, for `spmm_benchmark --masks=FILE`.

    python benchmarks/kernels/masks.py dlmc_subset.npz masks.bin
    build/bench/benchmarks/kernels/spmm_benchmark --masks=masks.bin

Reads an archive of DLMC matrices (the Deep Learning Matrix Collection of Gale, Zaharia, Young and Elsen,
"Sparse GPU Kernels for Deep Learning", 2020): `names`, and for each name `<name>|shape`, `<name>|indptr`,
`<name>|indices`. The archive is test data: nothing of it belongs in the repository. mask_file.h has the
format that is written.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER = b"secateur masks 1\n"
# ResNet-50 at 224x224: positions of the blocks after a group's first.
RESNET_SIZES = {1: 56, 2: 28, 3: 14, 4: 7}
TOKENS = 128  # of the transformer's layers


def geometry(name: str) -> tuple[int, int, int]:
    """Height, width and kernel of a layer, by its name in DLMC.

    >>> geometry("rn50/magnitude_pruning/0.9/bottleneck_2_block_group3_1_1")
    (14, 14, 3)
    >>> geometry("rn50/magnitude_pruning/0.9/final_dense"), geometry("transformer/l0/0.9/ffn_conv1")
    ((1, 1, 1), (1, 128, 1))
    """
    if name.startswith("transformer/"):
        return 1, TOKENS, 1
    found = re.search(r"bottleneck_(\d)_block_group(\d)", name)
    if not found:
        return 1, 1, 1
    size = RESNET_SIZES[int(found[2])]
    return size, size, 3 if found[1] == "2" else 1


def channels_first(columns: NDArray[np.int32], channels: int, taps: int) -> NDArray[np.int32]:
    """Columns numbered tap * channels + channel (TensorFlow's order) as channel * taps + tap.

    >>> channels_first(np.array([0, 1, 2, 3], np.int32), 2, 2).tolist()
    [0, 2, 1, 3]
    """
    return (columns % channels * taps + columns // channels).astype(np.int32)


def encode(
    name: str, shape: NDArray[np.int64], indptr: NDArray[np.int64], indices: NDArray[np.int32]
) -> bytes:
    """One mask of the file: its line, its counts, its columns."""
    rows, cols = (int(n) for n in shape)
    height, width, kernel = geometry(name)
    taps = kernel * kernel
    network, method, sparsity, layer = name.split("/", 3)
    columns = channels_first(indices.astype(np.int32), cols // taps, taps)
    parts = [np.sort(columns[begin:end]) for begin, end in itertools.pairwise(indptr)]
    columns = np.concatenate(parts) if parts else columns
    label = f"{network}-{method}/{round(100 * float(sparsity))}/{layer.rpartition('body_')[2]}"
    line = f"{label} {cols // taps} {rows} {height} {width} {kernel} 1 {columns.size}\n"
    counts = np.diff(indptr).astype("<i4")
    return line.encode() + counts.tobytes() + columns.astype("<i4").tobytes()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path, help="npz of DLMC matrices")
    parser.add_argument("masks", type=Path, help="the file to write")
    parser.add_argument("--only", default="", help="names that contain this")
    options = parser.parse_args(arguments)
    if not options.archive.is_file():
        print(f"masks.py: no file at {options.archive}", file=sys.stderr)
        return 1
    with np.load(options.archive) as archive, options.masks.open("wb") as out:
        out.write(HEADER)
        names = [str(name) for name in archive["names"] if options.only in str(name)]
        for name in names:
            shape, indptr, indices = (archive[f"{name}|{part}"] for part in ("shape", "indptr", "indices"))
            out.write(encode(name, shape, indptr.astype(np.int64), indices))
    print(f"{len(names)} masks in {options.masks}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
