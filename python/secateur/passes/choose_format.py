"""Chooses how each weight matrix is stored and so which kernels run it: dense where dense is predicted
faster.

The zeros decide: exact N:M and block patterns are looked for, every candidate is costed for the target's core
(cost_model.py), and the reason is written beside the layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secateur.formats import block_patterns, detect_nm
from secateur.ir import Graph, Op, StorageFormat
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import MARGIN, Core, spmm_cost, spmv_cost

# Blocks that hold more explicit zeros than this were not pruned as blocks.
MAX_EXPLICIT_ZEROS = 0.25


@dataclass(frozen=True)
class Candidate:
    storage: StorageFormat
    cost: float
    values: int  # stored, explicit zeros included
    share: float  # of peak


def candidates(op: Op, core: Core) -> list[Candidate]:
    """Every format that the weight fits, dense first, with its predicted cost on that core."""
    weight = op.options.weight
    positions = op.output.positions
    nnz = int(np.count_nonzero(weight))

    def costed(storage: StorageFormat, values: int, entries: int, block_rows: int, share: float) -> Candidate:
        if positions == 1:
            return Candidate(storage, spmv_cost(values, entries), values, share)
        return Candidate(storage, spmm_cost(core, values, positions, block_rows), values, share)

    dense = StorageFormat("dense")
    cost = spmv_cost(weight.size, 0) if positions == 1 else weight.size * positions / core.dense
    found = [Candidate(dense, cost, weight.size, core.dense)]
    if nnz == weight.size:
        return found
    found.append(costed(StorageFormat("csr"), nnz, nnz, 1, core.csr))
    pattern = detect_nm(weight)
    if pattern is not None and op.options.groups == 1:
        n, m = pattern
        slots = weight.shape[0] * (weight.shape[1] // m) * n
        found.append(costed(StorageFormat("nm", n=n, m=m), slots, nnz, 1, core.csr))
    for p in block_patterns(weight):
        straddles = (weight.shape[0] // op.options.groups) % p.block_rows != 0
        if p.explicit_zeros > MAX_EXPLICIT_ZEROS or (op.options.groups > 1 and straddles):
            continue
        storage = StorageFormat("bsr", p.block_rows, p.block_cols)
        values = p.blocks * p.block_rows * p.block_cols
        entries = p.blocks * p.block_cols  # one activation address per block column
        found.append(costed(storage, values, entries, p.block_rows, core.block[p.block_rows]))
    return found


def choose(op: Op, core: Core) -> tuple[StorageFormat, str]:
    """The format of one convolution and why, in a sentence."""
    options = candidates(op, core)
    weight = op.options.weight
    zeros = 1 - np.count_nonzero(weight) / max(weight.size, 1)
    dense = options[0]
    if len(options) == 1:
        return dense.storage, "dense: it has no zeros"
    best = min(options[1:], key=lambda c: (c.cost, c.values, c.storage.kind == "csr"))
    gain = dense.cost / max(best.cost, 1e-9)
    bound = "bytes to read" if op.output.positions == 1 else f"cycles on {core.name}"
    if gain < MARGIN:
        return (
            dense.storage,
            f"dense: at {zeros:.1%} zeros {best.storage} would take {1 / gain:.2f}x the {bound}",
        )
    if op.output.positions == 1:
        return best.storage, f"{best.storage}: {zeros:.1%} zeros, {gain:.1f}x fewer {bound} than dense"
    return best.storage, (
        f"{best.storage}: {zeros:.1%} zeros; {best.values / weight.size:.1%} of the multiply-adds at "
        f"{best.share:.0%} of peak, {gain:.1f}x fewer {bound} than dense at {dense.share:.0%}"
    )


def run(graph: Graph, core: Core) -> Outcome:
    convs = [op for op in graph.ops if op.kind == "Conv"]
    modified = False
    sparse = 0
    for op in convs:
        storage, reason = choose(op, core)
        modified |= storage != op.options.storage or reason != op.reason
        op.options.storage, op.reason = storage, reason
        sparse += storage.kind != "dense"
    for op in graph.ops:
        if op.kind == "Depthwise" and not op.reason:
            op.reason, modified = "dense: a depthwise filter has too few weights to skip any", True
    if not convs:
        return UNCHANGED if not modified else Outcome(True)
    return Outcome(
        modified, f"{sparse} of {count(len(convs), 'layer')} run sparse, predicted for {core.name}"
    )


CHOOSE_FORMAT = Pass("choose_format", run, ensures="every convolution has a storage format and a reason")
