"""Padding with zeros before a convolution, or before an average pooling, becomes the window's own."""

from __future__ import annotations

from secateur.ir import Graph, Op
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import Core


def _takes_padding(op: Op) -> bool:
    if op.kind in ("Conv", "Depthwise"):
        return True
    # An average over windows that count zeros: only where no padding is there that does not count.
    return op.kind == "Pool" and op.options.kind == "average" and not any(op.options.pads)


def _fits_pool(op: Op, pads: tuple[int, int, int, int]) -> bool:
    o = op.options
    return op.kind != "Pool" or (max(pads[0], pads[2]) < o.kernel_h and max(pads[1], pads[3]) < o.kernel_w)


def run(graph: Graph, _: Core) -> Outcome:
    folded = 0
    uses = graph.uses()
    for pad in [op for op in graph.ops if op.kind == "Pad"]:
        x, y, o = pad.inputs[0], pad.output, pad.options
        readers = uses[y]
        pads = (o.top, o.left, y.height - x.height - o.top, y.width - x.width - o.left)
        foldable = (
            o.value == 0
            and not pad.activation
            and y.channels == x.channels
            and not graph.is_output(y)
            and all(_takes_padding(op) and op.inputs[0] is y and y not in op.inputs[1:] for op in readers)
            and all(_fits_pool(op, pads) for op in readers)
        )
        if not foldable or not readers:
            continue
        for op in readers:
            w = op.options
            w.pad_top, w.pad_left = w.pad_top + pads[0], w.pad_left + pads[1]
            w.pad_bottom, w.pad_right = w.pad_bottom + pads[2], w.pad_right + pads[3]
            if op.kind == "Pool":
                w.kind = "average_counting_pad"
            op.inputs[0] = x
        graph.remove([pad])
        folded += 1
    return (
        Outcome(True, f"{count(folded, 'padding')} folded into the windows that follow")
        if folded
        else UNCHANGED
    )


FOLD_PADDING = Pass(
    "fold_padding", run, ensures="no zero padding of rows or columns stands before a convolution"
)
