"""Chooses how each weight matrix is stored and so which kernels run it: dense where dense is predicted
faster.

The zeros decide: exact N:M and block patterns are looked for, every candidate is costed for the target's core
(cost_model.py), and the reason is written beside the layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secateur.formats import block_patterns, detect_nm
from secateur.ir import DType, Graph, Op, StorageFormat, Value, planes
from secateur.ir.options import ConvOptions
from secateur.ir.types import Layout
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.choose_i8 import choose_i8
from secateur.passes.cost_model import ALWAYS_SPARSE, MARGIN, Core, spmm_cost, spmv_cost

# Blocks that hold more explicit zeros than this were not pruned as blocks.
MAX_EXPLICIT_ZEROS = 0.25

# Said once of a network, instead of once of each layer.
NO_ZEROS = (
    "no weight is zero: the network is not pruned, or lost its zeros (masks not made permanent, training "
    "after pruning, a checkpoint from before)"
)


@dataclass(frozen=True)
class Candidate:
    storage: StorageFormat
    cost: float
    values: int  # stored, explicit zeros included
    share: float  # of peak
    ns: float | None = None  # of one execution, where the target's profile has measured it


def measured_ns(op: Op, core: Core, storage: StorageFormat, density: float) -> float | None:
    """What the target's profile says of the layer stored so."""
    if core.profile is None or op.inputs[0].type.layout is not Layout.PLANES:
        return None
    o, x, y = op.options, op.inputs[0].shape, op.output.shape
    window = (o.kernel_h, o.kernel_w, o.stride_h, o.stride_w, o.dilation_h, o.dilation_w)
    shape = (x[1], y[1], o.groups, x[0], x[2], x[3], y[2], y[3], *window)
    rows = storage.block_rows if storage.kind == "bsr" else 1
    return core.profile.find(shape, storage.kind, rows, density)


def candidates(op: Op, core: Core) -> list[Candidate]:
    """Every format that the weight fits, dense first, with its predicted cost on that core."""
    o = op.options
    weight, positions = o.weight, op.output.positions
    nnz = int(np.count_nonzero(weight))
    packed = 0 if o.pointwise else o.groups * weight.shape[1] * positions

    def costed(storage: StorageFormat, values: int, block_rows: int) -> Candidate:
        share = core.block[block_rows] if block_rows else core.dense
        if positions == 1:
            cost = spmv_cost(core, values, sparse=block_rows > 0)
        else:
            cost = spmm_cost(core, values, positions, block_rows, packed)
        dense = found[0] if found else None
        ns = measured_ns(op, core, storage, values / max(1, weight.size))
        if core.profile is None or ns is None or (dense is not None and dense.ns is None):
            return Candidate(storage, cost, values, share)
        if dense is not None and dense.ns is not None:
            cost = dense.cost * ns / dense.ns  # measured against measured, in dense's unit
        macs = values * positions * op.inputs[0].batch
        return Candidate(storage, cost, values, macs / (ns * core.profile.peak), ns)

    found: list[Candidate] = []
    found.append(costed(StorageFormat("dense"), weight.size, 0))
    if nnz == weight.size:
        return found
    found.append(costed(StorageFormat("csr"), nnz, 1))
    pattern = detect_nm(weight)
    if pattern is not None and o.groups == 1:
        n, m = pattern
        found.append(costed(StorageFormat("nm", n=n, m=m), weight.shape[0] * (weight.shape[1] // m) * n, 1))
    for p in block_patterns(weight):
        straddles = (weight.shape[0] // o.groups) % p.block_rows != 0
        if p.explicit_zeros > MAX_EXPLICIT_ZEROS or (o.groups > 1 and straddles):
            continue
        storage = StorageFormat("bsr", p.block_rows, p.block_cols)
        found.append(costed(storage, p.blocks * p.block_rows * p.block_cols, p.block_rows))
    return found


def nm_by_position(op: Op, storage: StorageFormat) -> str:
    """A clause for a convolution that keeps N of M input channels at each kernel position, and is CSR.

    The stored N:M groups columns, which are channels x positions; CSR takes as many bytes a weight.
    """
    o = op.options
    taps = o.kernel_h * o.kernel_w
    if storage.kind != "csr" or taps == 1:
        return ""
    rows = o.weight.reshape(len(o.weight), -1, taps).transpose(0, 2, 1)
    pattern = detect_nm(np.ascontiguousarray(rows).reshape(len(o.weight) * taps, -1))
    return f" ({pattern[0]}:{pattern[1]} at each kernel position, stored as CSR)" if pattern else ""


def times(best: Candidate, dense: Candidate) -> str:
    """A clause with both times where both were measured."""
    if best.ns is None or dense.ns is None:
        return ""
    return f" ({best.ns / 1e3:.1f} us against {dense.ns / 1e3:.1f} us)"


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
    if gain < MARGIN and zeros < ALWAYS_SPARSE:
        known = "is measured" if best.ns else "is predicted"
        slower = f"{known} at {1 / gain:.2f}x the time on {core.name}{times(best, dense)}"
        return dense.storage, f"dense: at {zeros:.1%} zeros {best.storage} {slower}"
    known = "measured" if best.ns else "predicted"
    faster = f"{known} {gain:.1f}x faster on {core.name}{times(best, dense)}"
    if op.output.positions == 1:
        return best.storage, f"{best.storage}: {zeros:.1%} zeros, {faster}"
    return best.storage, (
        f"{best.storage}: {zeros:.1%} zeros{nm_by_position(op, best.storage)}; "
        f"{best.values / weight.size:.1%} of the multiply-adds at {best.share:.0%} of peak, "
        f"dense reaches {dense.share:.0%}: {faster}"
    )


def one_step(op: Op) -> Op:
    """A recurrent layer's weight as a layer of one position: so it is executed, step by step."""
    rows, hidden = op.options.weight.shape
    x, y = (Value(op.name, planes(1, size, 1, 1)) for size in (hidden, rows))
    return Op("Conv", op.name, [x], y, ConvOptions(weight=op.options.weight))


def choose_for(op: Op, core: Core) -> tuple[StorageFormat, str]:
    """The format of an operator with a weight and why, in a sentence."""
    if op.kind == "Recurrent":
        storage, reason = choose(one_step(op), core)
        if storage.kind != "dense":  # the file's alone: the runtime looks at where the weights are
            zeros = 1 - np.count_nonzero(op.options.weight) / max(op.options.weight.size, 1)
            reason = f"{storage}: {zeros:.1%} zeros; packed as takes the fewest instructions a step"
        return storage, reason
    return choose_i8(op) if op.inputs[0].type.dtype is DType.I8 else choose(op, core)


def run(graph: Graph, core: Core) -> Outcome:
    convs = [op for op in graph.ops if op.kind in ("Conv", "Recurrent")]
    modified = False
    sparse = 0
    for op in convs:
        storage, reason = choose_for(op, core)
        reason = f"{op.because}; {reason}" if op.because else reason
        modified |= storage != op.options.storage or reason != op.reason
        op.options.storage, op.reason = storage, reason
        sparse += storage.kind != "dense"
    for op in graph.ops:
        if op.kind == "Depthwise" and not op.reason:
            why = "dense: a depthwise filter has too few weights to skip any"
            op.reason, modified = f"{op.because}; {why}" if op.because else why, True
        elif op.because and not op.reason:
            op.reason, modified = op.because, True
    if not convs:
        return UNCHANGED if not modified else Outcome(True)
    if all(np.all(op.options.weight != 0) for op in convs):
        return Outcome(modified, f"{NO_ZEROS}, and all of {count(len(convs), 'layer')} run dense")
    return Outcome(
        modified, f"{sparse} of {count(len(convs), 'layer')} run sparse, predicted for {core.name}"
    )


CHOOSE_FORMAT = Pass("choose_format", run, ensures="every convolution has a storage format and a reason")
