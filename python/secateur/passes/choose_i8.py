"""How the weight of an i8 operator is stored: in what takes fewest bytes.

Whatever is stored, the runtime packs the same blocks of one row and four input channels: what a layer costs
does not depend on its form in the file.
"""

from __future__ import annotations

import numpy as np

from secateur.formats import I8_BLOCKS, block_patterns, tap_major
from secateur.ir import Op, StorageFormat


def sizes(op: Op) -> list[tuple[int, StorageFormat]]:
    """(bytes, format), dense first. Counts a byte for each column or block that is named."""
    o = op.options
    weight, taps = o.weight, o.kernel_h * o.kernel_w
    rows, cols = weight.shape
    found = [(weight.size, StorageFormat("dense"))]
    nnz = int(np.count_nonzero(weight))
    if nnz == weight.size:
        return found
    found.append((2 * nnz + 2 * rows, StorageFormat("csr")))
    if o.groups == 1 and (cols // taps) % 4 == 0:
        for p in block_patterns(tap_major(weight, taps), I8_BLOCKS):
            count = p.blocks * (p.block_rows * p.block_cols + 1) + 2 * -(-rows // p.block_rows)
            found.append((count, StorageFormat("bsr", p.block_rows, p.block_cols, tap_major=True)))
    return found


def choose_i8(op: Op) -> tuple[StorageFormat, str]:
    """The format of an i8 weight and why, in a sentence."""
    found = sizes(op)
    least, storage = min(found, key=lambda item: item[0])
    weight = op.options.weight
    zeros = 1 - np.count_nonzero(weight) / max(weight.size, 1)
    if storage.kind == "dense":
        why = "it has no zeros" if len(found) == 1 else f"{zeros:.1%} zeros, smallest so"
        return storage, f"dense: {why}"
    return (
        storage,
        f"{storage}: {zeros:.1%} zeros, {least / max(weight.size, 1):.2f} of the bytes of dense i8",
    )
