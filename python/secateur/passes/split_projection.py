"""A convolution that is only read in slices of channels becomes one convolution per slice: nothing is copied.

This is what a packed query-key-value projection becomes.
"""

from __future__ import annotations

import copy
import itertools

import numpy as np

from secateur.ir import Graph, Op
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import Core


def _channels_only(op: Op) -> bool:
    o = op.options
    return (
        op.kind == "Slice"
        and op.inputs[0].shape[2:] == op.output.shape[2:]
        and (o.row_begin, o.row_step, o.col_begin, o.col_step) == (0, 1, 0, 1)
    )


def _disjoint(readers: list[Op]) -> bool:
    spans = sorted(
        (op.options.channel_begin, op.options.channel_begin + op.output.channels) for op in readers
    )
    return all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))


def run(graph: Graph, _: Core) -> Outcome:
    split = 0
    uses = graph.uses()
    for conv in [op for op in graph.ops if op.kind == "Conv"]:
        readers = uses[conv.output]
        if conv.options.groups != 1 or len(conv.inputs) != 1 or not readers or graph.is_output(conv.output):
            continue
        if not all(map(_channels_only, readers)) or not _disjoint(readers):
            continue
        parts: list[Op] = []
        for i, reader in enumerate(readers):
            rows = slice(reader.options.channel_begin, reader.options.channel_begin + reader.output.channels)
            options = copy.copy(conv.options)
            options.weight = np.ascontiguousarray(conv.options.weight[rows])
            options.bias = (
                None if conv.options.bias is None else np.ascontiguousarray(conv.options.bias[rows])
            )
            part = Op(
                "Conv", f"{conv.name}[{i}]", list(conv.inputs), reader.output, options, source=conv.source
            )
            part.activation = conv.activation if not reader.activation else reader.activation
            if conv.activation and reader.activation:
                break
            parts.append(part)
        if len(parts) != len(readers):
            continue
        at = next(i for i, op in enumerate(graph.ops) if op is conv)
        doomed = {id(op) for op in (conv, *readers)}
        graph.ops = [
            *(op for op in graph.ops[:at] if id(op) not in doomed),
            *parts,
            *(op for op in graph.ops[at:] if id(op) not in doomed),
        ]
        split += 1
    if not split:
        return UNCHANGED
    return Outcome(True, f"{count(split, 'projection')} split into the parts that are read")


SPLIT_PROJECTION = Pass(
    "split_projection", run, ensures="no convolution is read in disjoint slices of channels alone"
)
