"""What keeps a compiled model from being faster: findings from its layers and their times, dearest first.

Times are measured; what a change would gain is predicted by the compiler's cost model
(`passes/cost_model.py`), and a share of the layer's measured time. A prediction says where to look, not what
will come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from secateur.passes.cost_model import MARGIN, Core, spmm_cost, spmv_cost

Row = dict[str, Any]

ZEROS = 0.8  # what is predicted for a layer that is dense today: usual for pruned 1x1 and linear layers
FEW = 0.05  # a smaller share of zeros is chance, not pruning
SHARE = 0.01  # of the time: less is not worth a line
# Operators that only move data, where the graph wants another layout or order.
MOVES = {
    "Permute", "Transpose", "Flatten", "Reshape", "Concat", "Slice", "StridedSlice", "Stack", "Pad"
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something about these layers, which take `ns` of one inference; `gain_ns` of it a change might save, as
    far as the cost model can predict that (0 where it cannot)."""

    kind: str
    sentence: str
    layers: list[str]
    ns: float
    gain_ns: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def positions(row: Row) -> int:
    """Of the output: 1 for a linear layer over one vector."""
    batch, _, height, width = row["output_shape"]
    return int(batch * height * width)


def sparse_share(row: Row, core: Core, zeros: float) -> float:
    """The time of a layer with that share of zeros, as a share of its time dense, in the best pattern.

    >>> from secateur.passes.cost_model import A72
    >>> row = {"rows": 64, "cols": 64, "output_shape": (1, 64, 14, 14), "kernel": "spmm/neon dense 4x24"}
    >>> round(sparse_share(row, A72, 0.8), 2)
    0.2
    """
    size, at = row["rows"] * row["cols"], positions(row)
    kept = round(size * (1 - zeros))
    if at == 1:
        return spmv_cost(core, kept, sparse=True) / spmv_cost(core, size, sparse=False)
    packed = row["cols"] * at if "panel" in row["kernel"] else 0
    dense = spmm_cost(core, size, at, 0, packed)
    return min(spmm_cost(core, kept, at, rows, packed) for rows in (1, 4)) / dense


def break_even(core: Core, block_rows: int) -> float:
    """The share of zeros from which the compiler stores a layer of many positions sparse.

    >>> from secateur.passes.cost_model import A72
    >>> round(break_even(A72, 1), 2), round(break_even(A72, 4), 2)
    (0.27, 0.09)
    """
    return max(0.0, 1 - core.block[block_rows] / (core.dense * MARGIN))


def diagnose(layers: Sequence[Row], times: Sequence[Row], core: Core) -> list[Finding]:
    """Findings, what might save most first, then by what it costs; what is below `SHARE` of the time is left
    out.

    layers: as `Session.layers`. times: as `Session.profile`, of the same model, here or on a device.
    """
    ns = [float(row["median_ns"]) for row in times]
    total = sum(ns)
    found: list[Finding] = []

    def add(kind: str, at: list[int], sentence: str, gain: Callable[[int], float] = lambda i: 0.0) -> None:
        cost = sum(ns[i] for i in at)
        if at and cost >= SHARE * total:
            saved = sum(ns[i] * gain(i) for i in at)
            names = [layers[i]["name"] for i in sorted(at, key=lambda i: -ns[i])]
            found.append(Finding(kind, sentence, names, cost, saved))

    weighty = [i for i, row in enumerate(layers) if row["rows"] > 0]
    dense = [i for i in weighty if layers[i]["format"] == "dense" and layers[i]["dtype"] == "f32"]
    if weighty and all(layers[i]["nnz"] == layers[i]["rows"] * layers[i]["cols"] for i in weighty):
        sentence = (
            "no weight is zero: the network is not pruned, or its zeros were lost before it was compiled "
            "(masks not made permanent, training after pruning, another checkpoint)"
        )
        found.append(Finding("no_zeros", sentence, [], 0.0, 0.0))

    def would_gain(i: int) -> float:
        return max(0.0, 1 - sparse_share(layers[i], core, ZEROS))

    many = [i for i in dense if positions(layers[i]) > 1 and would_gain(i) > 0]
    unused = [i for i in many if layers[i]["sparsity"] >= FEW]
    element, block = (f"{break_even(core, rows):.0%}" for rows in (1, 4))
    add(
        "unused_zeros",
        unused,
        f"dense, and the zeros that are there save nothing: sparse pays from about {element} of single "
        f"weights, {block} in blocks of 4x1; the gain is predicted for {ZEROS:.0%}",
        would_gain,
    )
    add(
        "dense",
        [i for i in many if layers[i]["sparsity"] < FEW],
        f"dense, would gain by pruning; predicted for {ZEROS:.0%} zeros, whose accuracy is to be measured",
        would_gain,
    )
    one = [i for i in dense if positions(layers[i]) == 1]
    pays = f"{1 - 1 / (core.spmv * MARGIN):.0%}"
    add(
        "memory",
        one,
        "one position, so that each weight is read for one multiplication and memory bounds it: in int8 a "
        f"quarter is read (secateur quantize), and zeros pay from about {pays} on",
        lambda i: max(0.0, 1 - MARGIN * sparse_share(layers[i], core, ZEROS)),
    )
    add(
        "moves",
        [i for i, row in enumerate(layers) if row["op"] in MOVES],
        "computes nothing: brings data into another order, layout or size, as the network's code asks for",
    )
    codes = [i for i, row in enumerate(layers) if row["dtype"] == "i8" and row["rows"] > 0]
    if codes:
        inside = range(codes[0], codes[-1])
        islands = [i for i in inside if layers[i]["dtype"] == "f32" or layers[i]["op"] == "Convert"]
        add(
            "f32_islands",
            islands,
            "f32 between layers in int8, or the way from one to the other",
        )
    add(
        "depthwise",
        [i for i, row in enumerate(layers) if row["op"] == "Depthwise"],
        "depthwise: stays dense, and is faster with fewer channels (channel pruning)",
    )
    return sorted(found, key=lambda f: (f.kind != "no_zeros", -f.gain_ns, -f.ns))
